//! Runbook text to steps whose names exist in the plan
