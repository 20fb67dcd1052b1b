//! The site's own sign-in (OpenID Connect, authorization code flow with PKCE): from a browser that is sent there to a
//! person whom it vouches for.
//!
//! ```text
//! begin ─▶ Begun (state, nonce, verifier; kept for ten minutes) ─▶ the browser is at the provider
//!   └─ the browser comes back with a code and its state ─▶ taken, once ─▶ code for token ─▶ believed ─▶ Vouched
//! ```
//! A way that was begun is taken out before it is looked at: whoever sends the same again is refused. The state stands
//! in a cookie of the browser that began as well, so that nobody is signed in by another's link.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::entrance::Vouched;
use crate::config::{Oidc, is_reached_safely};
use crate::domain::ids::hex;
use crate::domain::moment::Moment;
use crate::domain::people::SiteSubject;
use crate::domain::people::name::{PrintedName, UserName};
use crate::domain::people::roles::Role;
use crate::io::clock::{Clock, entropy};
use crate::io::offload::offload;
use crate::io::provider::{NoAnswer, Provider, encoded};
use crate::io::secret::Secret;

pub mod token;

use token::{Expected, Key, NotBelieved, believed, keys};

/// So long somebody may take at the provider.
const AWAY: Duration = Duration::from_secs(10 * 60);
/// So many may be there at once; the oldest give way.
const WAYS_MAX: usize = 256;
/// So long what the provider publishes of itself is taken as it was, and an answer that is none is not asked for again.
const KNOWN: Duration = Duration::from_secs(3_600);
const NOT_AGAIN: Duration = Duration::from_secs(5);
/// Keys that are not there are asked for once more, this often at most.
const KEYS_AGAIN: Duration = Duration::from_secs(60);
/// So many wait for the provider at once: nobody takes all threads that may wait.
const ASKING_MAX: usize = 4;

/// Why somebody does not come in by the site's sign-in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVouched {
    #[error(transparent)]
    Provider(#[from] NoAnswer),
    #[error("too many people sign in just now; try again in a second")]
    Busy,
    #[error(
        "what the site's sign-in publishes of itself does not fit ({0}); correct [http.oidc], or look at it there"
    )]
    Unfit(&'static str),
    #[error("this sign-in was not begun here, has been used, or is older than ten minutes; sign in again")]
    State,
    #[error("the site's sign-in let nobody in; sign in again, or ask whoever looks after it")]
    Denied,
    #[error("{0}; sign in again, or tell whoever looks after platen")]
    Token(#[from] NotBelieved),
    #[error(
        "the site's sign-in does not say {0}, or in a way that cannot be taken; have it say so, or correct [http.oidc]"
    )]
    Claim(String),
    #[error("{0} has no role here; have the site put them into one of the groups under [http.oidc]")]
    NoRole(UserName),
}

/// What the provider publishes of itself.
#[derive(Clone, Debug)]
struct Known {
    authorize: String,
    token: String,
    keys_at: String,
    keys: Vec<Key>,
    /// When the keys were asked for.
    at: Moment,
}

#[derive(Debug)]
enum Knowledge {
    None,
    Failed { why: NotVouched, at: Moment },
    Known(Known),
}

/// A browser that is at the provider.
struct Begun {
    nonce: String,
    verifier: Secret,
    at: Moment,
    /// Where they wanted to.
    to: String,
}

struct Inner {
    settings: Oidc,
    provider: Arc<Provider>,
    clock: Clock,
    ways: Mutex<BTreeMap<String, Begun>>,
    known: tokio::sync::Mutex<Knowledge>,
    asking: Semaphore,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct SiteSignIn(Arc<Inner>);

impl std::fmt::Debug for SiteSignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SiteSignIn").finish_non_exhaustive()
    }
}

/// Where a browser is sent, and what it keeps meanwhile.
#[derive(Debug)]
pub struct Sent {
    pub url: String,
    pub state: Secret,
}

/// 256 random bits.
fn random() -> Secret {
    Secret::new(format!("{}{}", hex(&entropy()), hex(&entropy())))
}

impl SiteSignIn {
    pub fn new(settings: Oidc, clock: Clock) -> Self {
        let provider = Provider {
            ca_file: settings.ca_file.clone(),
            client: settings.client.clone(),
            secret_file: settings.secret_file.clone(),
        };
        Self(Arc::new(Inner {
            settings,
            provider: Arc::new(provider),
            clock,
            ways: Mutex::default(),
            known: tokio::sync::Mutex::new(Knowledge::None),
            asking: Semaphore::new(ASKING_MAX),
        }))
    }

    fn ways(&self) -> MutexGuard<'_, BTreeMap<String, Begun>> {
        self.0.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the provider asked on a thread that may wait.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Provider) -> Result<T, NoAnswer> + Send + 'static,
    ) -> Result<T, NotVouched> {
        let _asks = self.0.asking.try_acquire().map_err(|_| NotVouched::Busy)?;
        let provider = Arc::clone(&self.0.provider);
        Ok(offload(move || work(&provider)).await.map_err(|_| NotVouched::Busy)??)
    }

    async fn discovered(&self) -> Result<Known, NotVouched> {
        let issuer = self.0.settings.issuer.clone();
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let found = self.ask(move |provider| provider.get(&url)).await?;
        let text = |name: &str| found.get(name).and_then(Value::as_str);
        // Who calls itself otherwise signs for somebody else.
        if text("issuer") != Some(&issuer) {
            return Err(NotVouched::Unfit("another issuer"));
        }
        let address = |name| {
            let found = text(name).filter(|url| is_reached_safely(url));
            found.map(str::to_owned).ok_or(NotVouched::Unfit("an address is missing, or without TLS"))
        };
        let (authorize, token) = (address("authorization_endpoint")?, address("token_endpoint")?);
        let keys_at = address("jwks_uri")?;
        let keys = self.keys(keys_at.clone()).await?;
        Ok(Known { authorize, token, keys_at, keys, at: self.0.clock.now() })
    }

    async fn keys(&self, url: String) -> Result<Vec<Key>, NotVouched> {
        Ok(keys(&self.ask(move |provider| provider.get(&url)).await?))
    }

    /// What the provider publishes. `anew`: a key is missing, and may be new.
    async fn known(&self, anew: bool) -> Result<Known, NotVouched> {
        let mut kept = self.0.known.lock().await;
        let now = self.0.clock.now();
        match &*kept {
            Knowledge::Known(known) if !anew && now.since(known.at) < KNOWN => return Ok(known.clone()),
            Knowledge::Known(known) if anew && now.since(known.at) < KEYS_AGAIN => return Ok(known.clone()),
            Knowledge::Known(known) if anew => {
                let keys = self.keys(known.keys_at.clone()).await?;
                let known = Known { keys, at: now, ..known.clone() };
                *kept = Knowledge::Known(known.clone());
                return Ok(known);
            }
            Knowledge::Failed { why, at } if now.since(*at) < NOT_AGAIN => return Err(why.clone()),
            _ => {}
        }
        match self.discovered().await {
            Ok(known) => {
                *kept = Knowledge::Known(known.clone());
                Ok(known)
            }
            // That too many ask is nothing of the provider's.
            Err(NotVouched::Busy) => Err(NotVouched::Busy),
            Err(why) => {
                tracing::warn!("the site's sign-in: {why}");
                *kept = Knowledge::Failed { why: why.clone(), at: self.0.clock.now() };
                Err(why)
            }
        }
    }

    /// Somebody wants to sign in, and to go on to a page afterwards.
    pub async fn begin(&self, to: String) -> Result<Sent, NotVouched> {
        let known = self.known(false).await?;
        let (state, nonce, verifier) = (random(), random(), random());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
        let settings = &self.0.settings;
        let query: Vec<String> = [
            ("response_type", "code"),
            ("client_id", settings.client.as_str()),
            ("redirect_uri", settings.back.as_str()),
            ("scope", "openid profile"),
            ("state", state.expose()),
            ("nonce", nonce.expose()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
        let joint = if known.authorize.contains('?') { '&' } else { '?' };
        let url = format!("{}{joint}{}", known.authorize, query.join("&"));
        let now = self.0.clock.now();
        let begun = Begun { nonce: nonce.expose().to_owned(), verifier, at: now, to };
        let mut ways = self.ways();
        ways.retain(|_, begun| now.since(begun.at) < AWAY);
        if ways.len() >= WAYS_MAX
            && let Some(oldest) =
                ways.iter().min_by_key(|(_, begun)| begun.at).map(|(state, _)| state.clone())
        {
            ways.remove(&oldest);
        }
        ways.insert(state.expose().to_owned(), begun);
        Ok(Sent { url, state })
    }

    /// A browser comes back: with the state in its cookie, and with what the provider gave it. Whom it vouches for, and
    /// where they wanted to.
    pub async fn end(
        &self,
        cookie: Option<&str>,
        state: &str,
        code: Option<&str>,
    ) -> Result<(Vouched, String), NotVouched> {
        // Taken out before anything is looked at, so that it is used once.
        let begun = self.ways().remove(state).ok_or(NotVouched::State)?;
        let is_theirs = cookie.is_some_and(|cookie| bool::from(cookie.as_bytes().ct_eq(state.as_bytes())));
        if !is_theirs || self.0.clock.now().since(begun.at) >= AWAY {
            return Err(NotVouched::State);
        }
        let code = code.ok_or(NotVouched::Denied)?.to_owned();
        let known = self.known(false).await?;
        let (url, back) = (known.token.clone(), self.0.settings.back.clone());
        let Begun { nonce, verifier, to, .. } = begun;
        let answer = self
            .ask(move |provider| {
                let fields = [
                    ("grant_type", "authorization_code"),
                    ("code", code.as_str()),
                    ("redirect_uri", back.as_str()),
                    ("code_verifier", verifier.expose()),
                ];
                provider.post(&url, &fields)
            })
            .await?;
        let token = answer.get("id_token").and_then(Value::as_str).ok_or(NotBelieved::Form)?;
        let claims = match self.held(token, &known, &nonce) {
            Err(NotBelieved::UnknownKey) => self.held(token, &self.known(true).await?, &nonce),
            held => held,
        };
        let claims = claims.inspect_err(|why| tracing::warn!("a token of the site's sign-in: {why}"))?;
        Ok((vouched(&self.0.settings, &claims)?, to))
    }

    fn held(&self, token: &str, known: &Known, nonce: &str) -> Result<Map<String, Value>, NotBelieved> {
        let settings = &self.0.settings;
        let (issuer, client) = (settings.issuer.as_str(), settings.client.as_str());
        // When a token ends stands in it as wall time: nothing else is decided by that.
        let now = self.0.clock.wall().0 / 1_000;
        believed(token, &known.keys, &Expected { issuer, client, nonce, now })
    }
}

/// Who somebody is, by what a token says that is believed.
fn vouched(settings: &Oidc, claims: &Map<String, Value>) -> Result<Vouched, NotVouched> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let missing = |name: &str| NotVouched::Claim(name.chars().filter(|c| !c.is_control()).take(40).collect());
    let subject = text("sub").ok_or_else(|| missing("sub"))?;
    let name = text(&settings.name_claim).and_then(|name| name.parse::<UserName>().ok());
    let name = name.ok_or_else(|| missing(&settings.name_claim))?;
    let printed = text("name").and_then(|name| name.trim().parse::<PrintedName>().ok());
    let printed = printed.or_else(|| name.as_str().parse().ok()).ok_or_else(|| missing("name"))?;
    let groups: BTreeSet<&str> = match claims.get(&settings.roles_claim) {
        Some(Value::String(one)) => [one.as_str()].into(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    };
    let theirs = settings.roles.iter().filter(|(group, _)| groups.contains(group.as_str()));
    let roles: BTreeSet<Role> = theirs.map(|(_, role)| *role).collect();
    if roles.is_empty() {
        return Err(NotVouched::NoRole(name));
    }
    Ok(Vouched { name, printed, roles, subject: SiteSubject::of(&settings.issuer, subject) })
}
