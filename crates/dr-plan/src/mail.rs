//! To whom may mail go? Only to the school's own domains, never to a private mailbox by accident.

use crate::plan::Plan;

/// Mail services where anybody has a mailbox.
const PUBLIC: [&str; 22] = [
    "gmail.com",
    "googlemail.com",
    "msn.com",
    "ymail.com",
    "rocketmail.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "proton.me",
    "protonmail.com",
    "pm.me",
    "mail.com",
    "mail.ru",
    "fastmail.com",
    "tutanota.com",
    "btinternet.com",
    "btopenworld.com",
    "sky.com",
    "talktalk.net",
    "virginmedia.com",
    "ntlworld.com",
    "tiscali.co.uk",
];

/// Those that have a domain in every country: `hotmail.co.uk`, `yahoo.fr`.
const PUBLIC_EVERYWHERE: [&str; 6] = ["outlook", "hotmail", "live", "yahoo", "aol", "gmx"];

/// Whether anybody can have a mailbox at `domain`.
pub(crate) fn is_public(domain: &str) -> bool {
    let country = |rest: &str| {
        let last = rest.rsplit('.').next().unwrap_or("");
        let short = rest.strip_suffix(last).is_some_and(|before| matches!(before, "" | "co." | "com."));
        short && !last.is_empty() && last != "example"
    };
    PUBLIC.contains(&domain)
        || domain.split_once('.').is_some_and(|(name, rest)| PUBLIC_EVERYWHERE.contains(&name) && country(rest))
}

/// The domain of an address, in small letters; `None` if it is not a plain address.
pub(crate) fn domain_of(address: &str) -> Option<String> {
    let (local, domain) = address.split_once('@')?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || "@<>(),;:\\\"[]".contains(c);
    let plain = !local.is_empty() && !domain.is_empty() && !local.contains(odd) && !domain.contains(odd);
    plain.then(|| domain.trim_end_matches('.').to_lowercase())
}

/// The only domains that mail goes to: those the plan lists, else those of its people that are no public mail service.
#[must_use]
pub fn allowed_domains(plan: &Plan) -> Vec<String> {
    let mut domains: Vec<String> = match plan.alerts.domains.as_slice() {
        [] => {
            let emails = plan.people.values().filter_map(|person| person.email.as_deref());
            emails.filter_map(domain_of).filter(|domain| !is_public(domain)).collect()
        }
        listed => listed.iter().map(|domain| domain.trim().trim_start_matches('@').to_lowercase()).collect(),
    };
    domains.sort();
    domains.dedup();
    domains
}

/// Whether mail may go to `address`: a plain address at one of the [`allowed_domains`].
#[must_use]
pub fn may_mail(plan: &Plan, address: &str) -> bool {
    domain_of(address).is_some_and(|domain| allowed_domains(plan).contains(&domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(alerts: &str) -> Plan {
        let text = format!(
            "school = 'S'\npeople = {{ head = 'A. Ash <Head@School.example>', it = 'J. Oak <oak@gmail.com>' }}\ncopies = {{ onsite = '/nas' }}\n{alerts}\n[systems]\na = '/srv'\n"
        );
        crate::parse(&text, "dr.toml").unwrap()
    }

    #[test]
    fn mail_goes_to_the_peoples_own_domains_or_to_those_that_are_listed() {
        let own = plan("");
        assert_eq!(allowed_domains(&own), ["school.example"]);
        for (address, may) in [
            ("head@school.example", true),
            ("HEAD@SCHOOL.EXAMPLE", true),
            ("oak@gmail.com", false),
            ("head@sub.school.example", false),
            ("head@school.example.elsewhere.example", false),
            ("head@elsewhere.example@school.example", false),
            ("head@school.example, x@elsewhere.example", false),
            ("head@school.example\r\nBcc: x@elsewhere.example", false),
            ("<head@school.example>", false),
            ("@school.example", false),
            ("head", false),
            ("", false),
        ] {
            assert_eq!(may_mail(&own, address), may, "{address:?}");
        }
        let listed = plan("alerts = { domains = ['@Gmail.com', 'trust.example'] }");
        assert_eq!(allowed_domains(&listed), ["gmail.com", "trust.example"]);
        assert!(may_mail(&listed, "oak@gmail.com") && !may_mail(&listed, "head@school.example"));
    }

    #[test]
    fn public_mail_services_are_known_in_every_country_and_schools_are_not_taken_for_one() {
        for domain in ["gmail.com", "hotmail.co.uk", "yahoo.fr", "outlook.com", "live.co.uk", "icloud.com", "aol.com"] {
            assert!(is_public(domain), "{domain}");
        }
        for domain in ["live.school.example", "yahoo.sch.uk", "outlook", "hazelbank.example", "outlook.example"] {
            assert!(!is_public(domain), "{domain}");
        }
    }
}
