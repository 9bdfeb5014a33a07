//! The request that launches a run.

use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::LaunchArgs;
use super::config::Tenant;
use super::images::Images;
use crate::step;

/// The platform answers at once; a run takes its time elsewhere.
const WITHIN: Duration = Duration::from_secs(60);

pub(super) fn run(args: &LaunchArgs, tenant: &Tenant) -> anyhow::Result<()> {
    if args.recipients.is_empty() {
        bail!("nobody would get the report: name somebody by --recipient ADDRESS");
    }
    let (url, body) = request(args, tenant);
    step::say(&format!("POST {url}"));
    step::say(&format!("Authorization: Basic {}:********", tenant.username));
    step::say(&serde_json::to_string_pretty(&body)?);
    if args.images.dry_run {
        return Ok(());
    }
    step::say(&format!("launched: {}", send(&url, &body, tenant)?));
    Ok(())
}

fn request(args: &LaunchArgs, tenant: &Tenant) -> (String, Value) {
    let images = Images::new(&args.images, &tenant.repository);
    let params = json!({
        "antithesis.description": args.description,
        "antithesis.duration": args.minutes.to_string(),
        "antithesis.config_image": images.config(),
        "antithesis.report.recipients": args.recipients.join(";"),
        "antithesis.fault_tolerance": args.fault_tolerance,
    });
    (format!("{}/api/v1/launch/{}", tenant.url, args.launcher), json!({ "params": params }))
}

fn send(url: &str, body: &Value, tenant: &Tenant) -> anyhow::Result<String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(WITHIN)).http_status_as_error(false).build().into();
    let secret = STANDARD.encode(format!("{}:{}", tenant.username, tenant.password));
    let request = agent
        .post(url)
        .header("Authorization", &format!("Basic {secret}"))
        .header("Content-Type", "application/json");
    let mut answer = request.send(body.to_string()).with_context(|| format!("cannot reach {url}"))?;
    let said = answer.body_mut().read_to_string().unwrap_or_default();
    let status = answer.status();
    if status.is_success() {
        return Ok(said);
    }
    let hint = match status.as_u16() {
        401 | 403 => "; look at ANTITHESIS_USERNAME and ANTITHESIS_PASSWORD",
        404 => "; look at ANTITHESIS_TENANT and --launcher",
        _ => "",
    };
    bail!("the platform refused ({status}){hint}: {}", said.trim())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    use clap::{Args, Command, FromArgMatches as _};

    use super::*;

    fn args(words: &[&str]) -> LaunchArgs {
        let command = LaunchArgs::augment_args(Command::new("launch").no_binary_name(true));
        LaunchArgs::from_arg_matches(&command.get_matches_from(words)).unwrap()
    }

    fn tenant(url: &str) -> Tenant {
        Tenant {
            url: url.into(),
            repository: "registry.example/r".into(),
            username: "me".into(),
            password: "secret".into(),
        }
    }

    /// Takes one request and gives one answer; returns the request.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).unwrap();
            }
            let lower = head.to_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.trim().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            head + &String::from_utf8(body).unwrap()
        });
        (url, thread)
    }

    const WORDS: [&str; 7] =
        ["--recipient", "a@x", "--recipient", "b@x", "--minutes", "5", "--description=mine"];

    #[test]
    fn a_run_is_launched_with_what_was_said() {
        let (url, server) =
            server("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        let tenant = tenant(&url);
        run(&args(&WORDS), &tenant).unwrap();
        let told = server.join().unwrap();
        let (head, body) = told.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /api/v1/launch/basic_test HTTP/1.1"), "{head}");
        // The two words with a colon between, in base64.
        assert!(head.to_lowercase().contains("authorization: basic bwu6c2vjcmv0"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            body,
            json!({"params": {
                "antithesis.description": "mine",
                "antithesis.duration": "5",
                "antithesis.config_image": "registry.example/r/etcd-traffic-config:v1",
                "antithesis.report.recipients": "a@x;b@x",
                "antithesis.fault_tolerance": "high_availability",
            }})
        );
    }

    #[test]
    fn a_refusal_is_told_with_what_to_look_at() {
        let (url, server) = server("HTTP/1.1 401 No\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwho?");
        let error = run(&args(&WORDS), &tenant(&url)).unwrap_err().to_string();
        assert!(error.contains("ANTITHESIS_PASSWORD") && error.contains("who?"), "{error}");
        server.join().unwrap();
        assert!(run(&args(&[]), &tenant(&url)).unwrap_err().to_string().contains("--recipient"));
    }

    #[test]
    fn a_dry_run_reaches_nobody() {
        let mut words = WORDS.to_vec();
        words.push("--dry-run");
        run(&args(&words), &tenant("http://127.0.0.1:1")).unwrap();
    }
}
