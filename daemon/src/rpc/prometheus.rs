//! Metrics in Prometheus' text format (version 0.0.4).

use std::fmt::Write as _;

use agentd_engine::Metric;

/// Renders the metrics. Figures of one name come together, as the format demands, in the order in which the name first
/// appeared.
#[must_use]
pub fn render(metrics: &[Metric]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for metric in metrics {
        if !names.contains(&metric.name) {
            names.push(metric.name);
        }
    }
    let mut text = String::with_capacity(metrics.len() * 128);
    for name in names {
        let mut of_name = metrics.iter().filter(|metric| metric.name == name).peekable();
        if let Some(first) = of_name.peek() {
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {}", escape(first.help, false), first.kind);
        }
        for metric in of_name {
            line(&mut text, metric);
        }
    }
    text
}

fn line(text: &mut String, metric: &Metric) {
    text.push_str(metric.name);
    for (number, (name, value)) in metric.labels.iter().enumerate() {
        let before = if number == 0 { '{' } else { ',' };
        let _ = write!(text, "{before}{name}=\"{}\"", escape(value, true));
    }
    if !metric.labels.is_empty() {
        text.push('}');
    }
    let _ = match metric.value {
        value if value.is_nan() => writeln!(text, " NaN"),
        value if value.is_infinite() => writeln!(text, " {}Inf", if value > 0.0 { '+' } else { '-' }),
        value => writeln!(text, " {value}"),
    };
}

/// Help text escapes backslash and line feed; label values also the quotation mark.
fn escape(text: &str, quotes: bool) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes { escaped.replace('"', "\\\"") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &'static str, labels: &[(&'static str, &str)], value: f64) -> Metric {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Metric { name, help: "Help with \\ and\nmore \"words\".", kind: "counter", labels, value }
    }

    #[test]
    fn figures_of_one_name_stand_together_and_everything_is_escaped() {
        let metrics = [
            metric("b_total", &[("path", "a\\b\"c\nd"), ("x", "")], 1.0),
            metric("a", &[], 0.5),
            metric("b_total", &[], 1e21),
            metric("a", &[], f64::INFINITY),
            metric("a", &[], f64::NAN),
        ];
        let help = "Help with \\\\ and\\nmore \"words\".";
        let expected = format!(
            "# HELP b_total {help}\n# TYPE b_total counter\nb_total{{path=\"a\\\\b\\\"c\\nd\",x=\"\"}} 1\nb_total 1000000000000000000000\n\
             # HELP a {help}\n# TYPE a counter\na 0.5\na +Inf\na NaN\n"
        );
        assert_eq!(render(&metrics), expected);
        assert_eq!(render(&[]), "");
    }
}
