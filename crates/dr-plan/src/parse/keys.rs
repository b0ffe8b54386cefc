//! Which keys exist, table by table. The page `docs/format/plan.md` names every one; a test compares.

macro_rules! keys {
    ($($name:ident = [$($key:literal)*])*) => {
        $(pub(crate) const $name: &[&str] = &[$($key),*];)*
        /// Every table with its keys.
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &[&str])] = &[$((stringify!($name), $name)),*];
    };
}

keys! {
    PLAN = ["version" "state" "school" "keys" "people" "places" "copies" "targets" "pools" "systems" "report" "alerts" "checks" "rehearsals" "runbook" "exceptions" "document"]
    SCHOOL = ["name" "timezone" "calendar" "hours" "sample"]
    KEYS = ["mode" "unlock"]
    PERSON = ["name" "email" "phone" "phone-ooh" "login" "roles" "starts" "leaves" "absences" "deputy"]
    ABSENCE = ["from" "until"]
    PLACE = ["name" "class" "keyholders"]
    COPIES = ["onsite" "offsite" "cloud" "disks"]
    TARGET = ["url" "pool" "class" "lock" "bandwidth"]
    POOL = ["scheme" "media" "rotate" "shift" "custodians" "mount" "place"]
    SYSTEM = ["title" "tier" "owner" "source" "schedule" "targets" "copies" "rpo" "rto" "mtpd" "max-age" "retention" "before" "after" "timeout" "sensitive" "expect"]
    EXPECT = ["say" "ask" "page" "contains" "within" "at-least" "equals" "newer-than"]
    COPY = ["target" "schedule" "retention"]
    RETENTION = ["last" "hourly" "daily" "weekly" "monthly" "yearly" "within" "max-age"]
    HOOK = ["run" "timeout" "optional"]
    FILES = ["kind" "paths" "exclude" "one-file-system"]
    SQLITE = ["kind" "path"]
    MAILDIR = ["kind" "path"]
    SERVER = ["kind" "url" "password"]
    DATABASE = ["kind" "url" "password" "programs"]
    WEBSITE = ["kind" "path" "exclude" "database" "password" "programs" "url"]
    COMMAND = ["kind" "run" "name"]
    DROP = ["kind" "path" "name" "fresh" "settled" "shrink" "type" "maker" "marker" "facts" "databases"]
    SAAS = ["kind" "supplier" "rpo" "rto" "contract" "checked"]
    REPORT = ["weekly" "to"]
    ALERTS = ["to" "domains" "smtp" "webhook" "command" "ping"]
    SMTP = ["url" "user" "password" "auth" "from" "ca"]
    CHECKS = ["nightly"]
    REHEARSALS = ["sample" "full" "level"]
    RUNBOOK = ["file"]
    EXCEPTION = ["system" "rule" "reason" "approver" "until"]
    DOCUMENT = ["version" "issued" "committee" "adopted" "minute" "review"]
    CALENDAR = ["terms" "closures" "inset" "bank-holidays" "covers-until"]
    TERM = ["name" "from" "until" "half-term"]
    STRETCH = ["name" "date" "from" "until"]
}
