//! What the process counts, and how Prometheus reads it (the OpenMetrics text format).
//!
//! Labels have few values by construction: route templates, the known methods, `'static` words. Never an identifier, never
//! an address, never anything a request can make up.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the duration buckets, in seconds: a check takes less than the first, a password more than the fifth.
const DURATION_BUCKETS: [f64; 10] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0,
];

/// The counters of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    tokens: Family<GrantLabels, Counter>,
    checks: Family<OutcomeLabels, Counter>,
    sign_ins: Family<OutcomeLabels, Counter>,
    outbox_attempts: Family<OutcomeLabels, Counter>,
    outbox_pending: Gauge,
    outbox_dead: Gauge,
    resident_memory: Gauge,
    serving: Serving,
}

/// Connections and what they are secured with.
#[derive(Debug, Default)]
struct Serving {
    open: Gauge,
    refused: Counter,
    reloads: Family<ReloadLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    what: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GrantLabels {
    grant: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl Metrics {
    /// Counters at zero; `engine` is the database's name.
    pub fn new(engine: &'static str) -> Self {
        let mut registry = Registry::with_prefix("tessera");
        let requests = Family::default();
        let durations: Family<RouteLabels, Histogram> =
            Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS));
        let (tokens, checks, sign_ins) = (Family::default(), Family::default(), Family::default());
        let resident_memory = Gauge::default();
        let (outbox_attempts, outbox_pending, outbox_dead) = register_outbox(&mut registry);
        let serving = Serving::register(&mut registry);
        registry.register(
            "build",
            "Version and database engine of this process",
            Info::new([("version", env!("CARGO_PKG_VERSION")), ("database", engine)]),
        );
        registry.register(
            "http_requests",
            "Requests answered, by method, route and status",
            Family::clone(&requests),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its answer's head",
            Unit::Seconds,
            Family::clone(&durations),
        );
        registry.register(
            "tokens_issued",
            "Access tokens issued, by grant type",
            Family::clone(&tokens),
        );
        registry.register(
            "checks",
            "Permission checks answered, by outcome",
            Family::clone(&checks),
        );
        registry.register(
            "sign_ins",
            "Sign-in attempts, by outcome",
            Family::clone(&sign_ins),
        );
        registry.register_with_unit(
            "resident_memory",
            "Memory of this process that is in RAM",
            Unit::Bytes,
            Gauge::clone(&resident_memory),
        );
        Self {
            registry,
            requests,
            durations,
            tokens,
            checks,
            sign_ins,
            outbox_attempts,
            outbox_pending,
            outbox_dead,
            resident_memory,
            serving,
        }
    }

    /// Counts one answered request.
    pub fn count_request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let labels = RequestLabels {
            method: known_method(method),
            route: route.to_owned(),
            status: status.as_u16(),
        };
        let route = RouteLabels {
            route: labels.route.clone(),
        };
        self.requests.get_or_create(&labels).inc();
        self.durations
            .get_or_create(&route)
            .observe(took.as_secs_f64());
    }

    /// Counts one access token, by the grant type's name.
    pub fn count_token(&self, grant: &'static str) {
        self.tokens.get_or_create(&GrantLabels { grant }).inc();
    }

    /// Counts one permission check: `allowed`, `denied` or `error`.
    pub fn count_check(&self, outcome: &'static str) {
        self.checks.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts one sign-in attempt: `signed_in`, `refused`, `throttled` ...
    pub fn count_sign_in(&self, outcome: &'static str) {
        self.sign_ins
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// Counts one attempt to send a message: `delivered`, `void`, `put_off`, `dead`.
    pub fn count_outbox_attempt(&self, outcome: &'static str) {
        self.outbox_attempts
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// Notes how many messages wait, and how many were given up.
    pub fn note_outbox(&self, pending: i64, dead: i64) {
        self.outbox_pending.set(pending);
        self.outbox_dead.set(dead);
    }

    /// Notes one connection more.
    pub fn open_connection(&self) {
        self.serving.open.inc();
    }

    /// Notes one connection less.
    pub fn close_connection(&self) {
        self.serving.open.dec();
    }

    /// Counts one connection that was closed for want of a place; how many there were.
    pub fn refuse_connection(&self) -> u64 {
        self.serving.refused.inc().saturating_add(1)
    }

    /// Counts one reading of a file anew: `loaded` or `refused`.
    pub fn count_reload(&self, what: &'static str, outcome: &'static str) {
        let labels = ReloadLabels { what, outcome };
        self.serving.reloads.get_or_create(&labels).inc();
    }

    /// Everything, in the OpenMetrics text format.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        if let Some(bytes) = resident_bytes() {
            self.resident_memory.set(bytes);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Serving {
    fn register(registry: &mut Registry) -> Self {
        let this = Self::default();
        registry.register(
            "connections_open",
            "Connections of clients that are open",
            Gauge::clone(&this.open),
        );
        registry.register(
            "connections_refused",
            "Connections closed because every place was taken (connections.max)",
            Counter::clone(&this.refused),
        );
        registry.register(
            "file_reloads",
            "Certificate files read anew, by what they hold and outcome",
            Family::clone(&this.reloads),
        );
        this
    }
}

fn register_outbox(registry: &mut Registry) -> (Family<OutcomeLabels, Counter>, Gauge, Gauge) {
    let attempts = Family::default();
    let (pending, dead) = (Gauge::default(), Gauge::default());
    registry.register(
        "outbox_attempts",
        "Attempts to send a message to another server, by outcome",
        Family::clone(&attempts),
    );
    registry.register(
        "outbox_pending",
        "Messages to other servers that wait to be sent, on all nodes",
        Gauge::clone(&pending),
    );
    registry.register(
        "outbox_dead",
        "Messages to other servers that were given up and wait for an administrator",
        Gauge::clone(&dead),
    );
    (attempts, pending, dead)
}

/// The method's name, or `other`: a client can invent methods without end.
const fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The resident set of this process; `None` where `/proc` does not tell.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_holds_what_was_counted() {
        let metrics = Metrics::new("sqlite");
        let took = Duration::from_millis(3);
        metrics.count_request(&Method::GET, "/livez", StatusCode::OK, took);
        let invented = Method::from_bytes(b"INVENTED").unwrap();
        metrics.count_request(&invented, "unmatched", StatusCode::NOT_FOUND, took);
        metrics.count_token("refresh_token");
        metrics.count_check("allowed");
        metrics.count_sign_in("refused");
        metrics.count_outbox_attempt("delivered");
        metrics.note_outbox(3, 1);
        metrics.open_connection();
        metrics.open_connection();
        metrics.close_connection();
        assert_eq!(metrics.refuse_connection(), 1);
        metrics.count_reload("certificate", "refused");
        let text = metrics.text().unwrap();
        for line in [
            r#"tessera_http_requests_total{method="GET",route="/livez",status="200"} 1"#,
            r#"tessera_http_requests_total{method="other",route="unmatched",status="404"} 1"#,
            r#"tessera_http_request_duration_seconds_bucket{le="0.005",route="/livez"} 1"#,
            r#"tessera_tokens_issued_total{grant="refresh_token"} 1"#,
            r#"tessera_checks_total{outcome="allowed"} 1"#,
            r#"tessera_sign_ins_total{outcome="refused"} 1"#,
            r#"tessera_outbox_attempts_total{outcome="delivered"} 1"#,
            "tessera_outbox_pending 3",
            "tessera_connections_open 1",
            "tessera_connections_refused_total 1",
            r#"tessera_file_reloads_total{what="certificate",outcome="refused"} 1"#,
            "tessera_outbox_dead 1",
            r#"database="sqlite""#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1_000_000));
    }
}
