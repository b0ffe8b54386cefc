//! Start another program with an argument list, a timeout and a captured status
