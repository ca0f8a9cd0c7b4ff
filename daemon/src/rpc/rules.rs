//! The performance rules, for people who ask what one means.

use std::sync::Arc;

use agentd_proto::v1::{
    Confidence, ListRulesRequest, ListRulesResponse, Rule, Severity, rule_service_server::RuleService,
};
use agentd_tools::findings::{self, RuleSet};
use tonic::{Request, Response, Status};

use super::{Context, counters::Method};

/// The service.
#[derive(Debug)]
pub(super) struct Rules(pub(super) Arc<Context>);

#[tonic::async_trait]
impl RuleService for Rules {
    async fn list(&self, _: Request<ListRulesRequest>) -> Result<Response<ListRulesResponse>, Status> {
        let answer = list(self.0.config.rules);
        self.0.counters.count(Method::ListRules, Ok(Response::new(answer)))
    }
}

pub(super) fn list(in_force: RuleSet) -> ListRulesResponse {
    let on: Vec<&str> = in_force.rules().map(|rule| rule.id).collect();
    let rules = findings::all().iter().map(|rule| told(rule, on.contains(&rule.id)));
    ListRulesResponse { rules: rules.collect(), min_confidence: confidence(in_force.least()).into() }
}

fn told(rule: &findings::Rule, on: bool) -> Rule {
    Rule {
        id: rule.id.to_owned(),
        version: rule.version.into(),
        title: rule.title.to_owned(),
        languages: rule.languages.iter().map(|language| language.id().to_owned()).collect(),
        severity: severity(rule.severity).into(),
        why: rule.why.to_owned(),
        instead: rule.instead.to_owned(),
        wrong_when: rule.wrong_when.to_owned(),
        example_bad: rule.example_bad.to_owned(),
        example_good: rule.example_good.to_owned(),
        on,
    }
}

const fn severity(severity: findings::Severity) -> Severity {
    match severity {
        findings::Severity::Low => Severity::Low,
        findings::Severity::Medium => Severity::Medium,
        findings::Severity::High => Severity::High,
    }
}

const fn confidence(confidence: findings::Confidence) -> Confidence {
    match confidence {
        findings::Confidence::Low => Confidence::Low,
        findings::Confidence::Medium => Confidence::Medium,
        findings::Confidence::High => Confidence::High,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_told_whole_and_with_whether_it_is_on() {
        let off = findings::all()[0].id;
        let answer = list(RuleSet::ALL.without(off).at_least(findings::Confidence::High));
        assert_eq!(answer.min_confidence(), Confidence::High);
        assert_eq!(answer.rules.len(), findings::all().len());
        for rule in &answer.rules {
            assert_eq!(rule.on, rule.id != off);
            assert!(!rule.languages.is_empty() && rule.severity() != Severity::Unspecified, "{rule:?}");
            for text in [&rule.title, &rule.why, &rule.instead, &rule.wrong_when, &rule.example_bad, &rule.example_good]
            {
                assert!(!text.is_empty(), "{rule:?}");
            }
        }
    }
}
