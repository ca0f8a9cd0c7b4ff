//! What the program tells of itself without a daemon, for `agentd-cli rules` and `config`: the answers of the services, as they
//! would go over the wire.

use std::collections::HashMap;

use prost::Message as _;

use crate::{
    args::Tell,
    config::{self, ConfigError, Flags},
};

/// No folder, so no file of settings is in it.
const NO_FOLDER: &str = "/dev/null";

/// The answer; and why the settings that are there are not in it, if a daemon would refuse them: who mends them asks for their
/// names.
///
/// # Errors
/// [`ConfigError`]: not even the defaults are right.
pub fn answer(
    what: Tell,
    flags: &Flags,
    environment: &HashMap<String, String>,
    own_uid: u32,
) -> Result<(Vec<u8>, Option<ConfigError>), ConfigError> {
    let (config, refused) = match config::load(flags, environment, own_uid) {
        Ok(config) => (config, None),
        Err(refused) => {
            let defaults = Flags { state_dir: Some(NO_FOLDER.into()), ..Flags::default() };
            (config::load(&defaults, &HashMap::new(), own_uid)?, Some(refused))
        }
    };
    let bytes = match what {
        Tell::Rules => super::rules::list(config.rules).encode_to_vec(),
        Tell::Settings => super::daemon::settings(&config).encode_to_vec(),
    };
    Ok((bytes, refused))
}

#[cfg(test)]
mod tests {
    use agentd_proto::v1::{GetConfigResponse, ListRulesResponse};

    use super::*;

    #[test]
    fn rules_and_settings_are_told_though_a_daemon_would_refuse_what_is_set() {
        let home = tempfile::tempdir().unwrap();
        let uid = std::os::unix::fs::MetadataExt::uid(&home.path().metadata().unwrap());
        let flags = || Flags { state_dir: Some(home.path().to_owned()), ..Flags::default() };
        for (file, variable, said) in [
            ("rules.off = [\"loop-sort\"]", None, None),
            ("rules.off = [\"loop-foo\"]", None, Some("loop-foo")),
            ("", Some(("AGENTD_RULES__OFF", "loop-foo")), Some("loop-foo")),
        ] {
            std::fs::write(home.path().join("config.toml"), file).unwrap();
            let environment: HashMap<_, _> =
                variable.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
            let (rules, refused) = answer(Tell::Rules, &flags(), &environment, uid).unwrap();
            let rules = ListRulesResponse::decode(rules.as_slice()).unwrap().rules;
            let off = rules.iter().filter(|rule| !rule.on).count();
            assert_eq!(off, usize::from(said.is_none()), "{file}");
            let why = refused.map(|refused| refused.to_string()).unwrap_or_default();
            assert!(said.is_none_or(|said| why.contains(said)) && said.is_none() == why.is_empty(), "{why}");
            let (settings, _) = answer(Tell::Settings, &flags(), &environment, uid).unwrap();
            let settings = GetConfigResponse::decode(settings.as_slice()).unwrap().settings;
            assert!(settings.iter().any(|setting| setting.key == "rules.off"));
        }
    }
}
