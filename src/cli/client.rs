//! The command line's side of HTTP: blocking, and every failure says what to do.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder, SendBody};

use super::Global;
use crate::api::Problem;
use crate::api::shapes::{AskerView, FindingView, Health, Hidden, SignIn, SignedOut};
use crate::io::secret::{PREFIX, Secret};
use crate::io::terminal::first_line;

/// Reading a large file again takes the daemon seconds; an answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(5);

/// For who has none, or one that does not hold.
const NO_TOKEN: &str = "put a token into PLATEN_TOKEN, or into a file for --token-file; `platen users tokens issue --label TEXT --role ROLE` makes one";

/// Why a verb failed: what, which; what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(
        "no platen answers at {url}; start it with `platen serve --config FILE` (to stop printers now: switch them off by hand, or `platen safe-off --config FILE`)"
    )]
    NoDaemon { url: String },
    #[error("{url} is no address of a platen; write http://HOST:PORT")]
    Url { url: String },
    #[error(
        "the connection to {url} failed: {error}; try again, and look at the daemon's log if it stays so"
    )]
    Connection { url: String, error: Box<ureq::Error> },
    #[error("{}; {}{}", .0.detail, .0.help, listed(.0))]
    Problem(Box<Problem>),
    #[error("{url} answered {status}, but not as platen does; look whether --url is right")]
    NotPlaten { url: String, status: u16 },
    #[error("{path} cannot be read: {error}; look at the path")]
    File { path: String, error: std::io::Error },
    /// A finding that is no error of ours, already told: a broken journal, a stop not sent.
    #[error("{0}")]
    Finding(String),
    /// The command makes no sense as it was given.
    #[error("{0}")]
    Usage(String),
}

/// What speaks against a file, a line each.
fn listed(problem: &Problem) -> String {
    let one = |finding: &FindingView| {
        let line = finding.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let on = match finding.printers.len() {
            0 | 1 => String::new(),
            _ => format!(" (on {})", finding.printers.join(", ")),
        };
        let said =
            format!("{} {}{on}: {line}{}; {}", finding.severity, finding.code, finding.what, finding.help);
        format!("\n  {}", super::show::plain(&said))
    };
    problem.findings.iter().map(one).collect()
}

impl Failed {
    /// 1 failed, 2 used wrongly.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Url { .. } => 2,
            _ => 1,
        }
    }
}

/// How somebody shows the daemon who they are: the header's name, and what stands in it.
#[derive(Debug)]
struct Shown {
    header: &'static str,
    value: Secret,
}

#[derive(Debug)]
pub struct Client {
    agent: Agent,
    url: String,
    shown: Option<Shown>,
}

/// The variable that has a token in it.
const TOKEN: &str = "PLATEN_TOKEN";

/// The token that was given: in a file, or in the environment, where nobody else sees it.
fn token(global: &Global) -> Result<Option<Secret>, Failed> {
    let text = match &global.token_file {
        Some(path) => {
            let unread = |error| Failed::File { path: path.display().to_string(), error };
            let mode = std::fs::metadata(path).map_err(unread)?.permissions().mode();
            if mode & 0o077 != 0 {
                let path = path.display();
                return Err(Failed::Usage(format!(
                    "{path} may be read by others (mode {:o}); `chmod 600` it, and revoke the token if others could",
                    mode & 0o7777
                )));
            }
            let file = std::fs::File::open(path).map_err(unread)?;
            first_line(&file).map_err(unread)?.unwrap_or_default()
        }
        None => match std::env::var(TOKEN) {
            Ok(text) if !text.trim().is_empty() => Secret::new(text),
            _ => return Ok(None),
        },
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let token = text.expose().trim();
    if !token.starts_with(PREFIX) || !token.bytes().all(plain) {
        return Err(Failed::Usage(format!(
            "what {} has is no token; one begins with {PREFIX}",
            global.token_file.as_ref().map_or_else(|| TOKEN.into(), |path| path.display().to_string())
        )));
    }
    Ok(Some(Secret::new(format!("Bearer {token}"))))
}

impl Client {
    pub fn new(global: &Global) -> Result<Self, Failed> {
        let url = global.url.trim_end_matches('/').to_owned();
        let good = url
            .strip_prefix("http://")
            .is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#']));
        if !good {
            return Err(Failed::Url { url });
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(PATIENCE))
            // The daemon is on this machine; a proxy from the environment would not find it.
            .proxy(None)
            .max_redirects(0)
            .build();
        let shown = token(global)?.map(|value| Shown { header: "authorization", value });
        Ok(Self { agent: config.new_agent(), url, shown })
    }

    /// In whose name something is done. Without a token the daemon has to be told.
    pub fn by(&self, given: Option<String>) -> Result<Option<String>, Failed> {
        if given.is_none() && self.shown.is_none() {
            return Err(Failed::Usage(
                "--by NAME is needed: who says so? (Where people are set up, a token says it: PLATEN_TOKEN or --token-file)".into(),
            ));
        }
        Ok(given)
    }

    /// Signs in by a password; `sign_out` ends it.
    pub fn sign_in(&self, name: &str, password: &Secret) -> Result<(Self, AskerView), Failed> {
        let given = SignIn { name: name.to_owned(), password: Hidden(password.expose().to_owned()) };
        let answer = self.agent.post(format!("{}/v1/session", self.url)).send_json(&given);
        let cookie = answer.as_ref().ok().and_then(|answer| {
            let cookie = answer.headers().get("set-cookie")?.to_str().ok()?;
            Some(Secret::new(cookie.split(';').next()?.to_owned()))
        });
        let who = self.read(answer)?;
        let shown = cookie.map(|value| Shown { header: "cookie", value });
        Ok((Self { agent: self.agent.clone(), url: self.url.clone(), shown }, who))
    }

    pub fn sign_out(&self) -> Result<(), Failed> {
        let answer = self.with(self.agent.delete(format!("{}/v1/session", self.url))).call();
        self.read::<SignedOut>(answer).map(drop)
    }

    /// With what shows who asks.
    fn with<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.shown {
            Some(Shown { header, value }) => request.header(*header, value.expose()),
            None => request,
        }
    }

    /// Where a path of the daemon's is. With an empty name in it, it would be another path.
    fn at(&self, path: &str) -> Result<String, Failed> {
        let names = path.split('?').next().unwrap_or(path);
        if names.ends_with('/') || names.contains("//") {
            return Err(Failed::Usage(
                "the name that was given is empty; give one as the list without a name shows it, such as `platen cases`, `platen jobs` or `platen printers`".into(),
            ));
        }
        Ok(format!("{}{path}", self.url))
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        let answer = self.with(self.agent.get(self.at(path)?)).call();
        self.read(answer)
    }

    /// How the daemon is, also where it says that it is not well.
    pub fn health(&self) -> Result<Health, Failed> {
        match self.with(self.agent.get(self.at("/healthz")?)).call() {
            Ok(mut answer) if matches!(answer.status().as_u16(), 200 | 503) => {
                let strange = Failed::NotPlaten { url: self.url.clone(), status: answer.status().as_u16() };
                answer.body_mut().read_json().map_err(|_| strange)
            }
            other => self.read(other),
        }
    }

    /// A body that is not JSON, to be read as it comes.
    pub fn open(&self, path: &str) -> Result<impl Read + use<>, Failed> {
        let answer = self.with(self.agent.get(self.at(path)?)).call();
        match answer {
            Ok(response) if response.status().is_success() => Ok(response.into_body().into_reader()),
            other => self
                .read::<serde_json::Value>(other)
                .and_then(|_| Err(Failed::NotPlaten { url: self.url.clone(), status: 200 })),
        }
    }

    /// The same, written to a file. A body that broke off is an error.
    pub fn download(&self, path: &str, into: &mut std::fs::File) -> Result<u64, Failed> {
        let mut body = self.open(path)?;
        std::io::copy(&mut body, into).map_err(|error| {
            Failed::Finding(format!(
                "the copy broke off: {error}; nothing was kept: look at the daemon's log and at the disk, then try again"
            ))
        })
    }

    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failed> {
        let answer = self.with(self.agent.post(self.at(path)?)).send_json(body);
        self.read(answer)
    }

    /// Streams `bytes` bytes out of `source` as the body.
    pub fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: u64,
        source: &mut dyn Read,
    ) -> Result<T, Failed> {
        let answer = self
            .with(self.agent.post(self.at(path)?))
            .header("content-type", "application/octet-stream")
            .header("content-length", bytes.to_string())
            // A file that is too large is refused before it is sent.
            .header("expect", "100-continue")
            .send(SendBody::from_reader(&mut { source }));
        self.read(answer)
    }

    fn read<T: DeserializeOwned>(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<T, Failed> {
        let url = self.url.clone();
        let mut response = answer.map_err(|error| match error {
            ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
                Failed::NoDaemon { url: url.clone() }
            }
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Failed::NoDaemon { url: url.clone() }
            }
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Failed::NoDaemon { url: url.clone() }
            }
            ureq::Error::BadUri(_) => Failed::Url { url: url.clone() },
            error => Failed::Connection { url: url.clone(), error: Box::new(error) },
        })?;
        let status = response.status();
        let strange = Failed::NotPlaten { url: url.clone(), status: status.as_u16() };
        if status.is_success() {
            return response.body_mut().read_json().map_err(|_| strange);
        }
        match response.body_mut().read_json::<Problem>() {
            Ok(mut problem) => {
                if status.as_u16() == 401 && problem.kind.ends_with(":not-signed-in") {
                    problem.help = NO_TOKEN.into();
                }
                Err(Failed::Problem(Box::new(problem)))
            }
            Err(_) => Err(strange),
        }
    }
}

/// A name as one segment of a path: whatever is not plain is percent-encoded.
pub fn segment(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_one_segment_of_the_path() {
        assert_eq!(segment("mk3-07"), "mk3-07");
        assert_eq!(segment("../a?b#ä"), "%2E%2E%2Fa%3Fb%23%C3%A4");
    }

    #[test]
    fn an_empty_name_is_a_wrong_use_and_not_another_path() {
        let global = Global { json: false, url: "http://127.0.0.1:7180".into(), token_file: None };
        let client = Client::new(&global).unwrap();
        for path in ["/v1/cases/", "/v1/cases//steps", "/v1/files/?kind=stl"] {
            assert_eq!(client.at(path).unwrap_err().code(), 2, "{path}");
        }
        let whole = "/v1/reports/case?case=x//y/";
        assert_eq!(client.at(whole).unwrap(), format!("http://127.0.0.1:7180{whole}"));
    }

    #[test]
    fn an_address_that_is_no_http_address_is_a_wrong_use() {
        for url in ["", "127.0.0.1:7180", "https://lab", "http://", "http://lab/v1"] {
            let failed = Client::new(&Global { json: false, url: url.into(), token_file: None }).unwrap_err();
            assert_eq!(failed.code(), 2, "{url}");
        }
    }
}
