//! How late is it, counted in days on which somebody was there, and who else is asked by now?

use dr_plan::{Calendar, PersonId, Plan, Role};
use jiff::civil::Date;

/// Days in school after the day on which it was due, on which one person more is asked.
const STEPS: [u32; 4] = [0, 1, 2, 5];

/// One rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rung(u32);

impl Rung {
    /// Where something that was due on `due` stands `today`; `None` before its day.
    pub(super) fn of(calendar: &Calendar, due: Date, today: Date) -> Option<Self> {
        let reached = |days: &u32| calendar.operating_days_after(due, *days).is_some_and(|day| day <= today);
        STEPS.into_iter().rev().find(|days| reached(days)).map(Self)
    }

    /// Whether it is late.
    pub(super) fn is_late(self) -> bool {
        self.0 > 0
    }

    /// The end of a reminder's name.
    pub(super) fn suffix(self) -> String {
        if self.0 == 0 { String::new() } else { format!("/+{}", self.0) }
    }

    /// Who is asked: first the one whose turn it is and one who stands in, then everybody who stands in, then the
    /// digital lead, then the head.
    pub(super) fn asked(self, plan: &Plan, turn: Option<&PersonId>, deputies: &[PersonId]) -> Vec<PersonId> {
        let mut asked: Vec<PersonId> = turn.into_iter().cloned().collect();
        asked.extend(deputies.iter().take(if self.is_late() { deputies.len() } else { 1 }).cloned());
        let mut role = |role: Role| asked.extend(plan.with_role(role).map(|(id, _)| id.clone()));
        if self.0 >= 2 {
            role(Role::DigitalLead);
        }
        if self.0 >= 5 {
            role(Role::Head);
        }
        if asked.is_empty() {
            // Nobody is there who carries it: somebody must find somebody.
            [Role::DigitalLead, Role::ItLead, Role::Head].iter().for_each(|role| {
                if asked.is_empty() {
                    asked.extend(plan.with_role(*role).map(|(id, _)| id.clone()));
                }
            });
        }
        let mut seen = std::collections::BTreeSet::new();
        asked.retain(|person| seen.insert(person.clone()));
        asked
    }
}
