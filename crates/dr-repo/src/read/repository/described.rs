//! What does a repository say of itself? `repo.json`, parsed.

use dr_format::id::{FamilyId, RepoId, unhex};

use crate::error::RepoError;

/// The name under which a repository describes itself.
pub(crate) const REPO_JSON: &str = "repo.json";

/// What `repo.json` says, parsed.
pub(crate) struct Described {
    pub(crate) repo: RepoId,
    pub(crate) family: FamilyId,
    pub(crate) maintenance: [u8; 32],
    pub(crate) read_only: Option<String>,
    pub(crate) parity: bool,
}

pub(crate) fn parse_described(bytes: &[u8]) -> Result<Described, RepoError> {
    let bad = |what: &str| RepoError::damaged(REPO_JSON, what);
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| bad("it is not JSON"))?;
    if value["magic"] != "DRREPO" {
        return Err(bad("it does not describe a repository"));
    }
    if value["version"] != 1 {
        return Err(RepoError::Newer {
            object: REPO_JSON.into(),
            what: format!("its format is version {}", value["version"]),
        });
    }
    let features = |set: &str| -> Vec<String> {
        let list = value["features"][set].as_array().cloned().unwrap_or_default();
        list.iter().map(|feature| feature.as_str().unwrap_or("?").to_owned()).collect()
    };
    if let Some(feature) = features("incompat").first() {
        return Err(RepoError::Newer { object: REPO_JSON.into(), what: format!("it needs the feature `{feature}`") });
    }
    let text = |pointer: &str| value.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default();
    Ok(Described {
        repo: RepoId(unhex(text("/repo_id")).ok_or_else(|| bad("its id cannot be read"))?),
        family: FamilyId(unhex(text("/family_id")).ok_or_else(|| bad("its family cannot be read"))?),
        maintenance: unhex(text("/trust/maintenance")).ok_or_else(|| bad("its maintenance key cannot be read"))?,
        read_only: features("ro_compat").into_iter().next(),
        parity: value["parity"] != false,
    })
}
