//! The site's own sign-in, against a provider that publishes itself, signs tokens and exchanges codes as they do.

#![cfg(feature = "oidc")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]
#![allow(clippy::disallowed_methods, reason = "a provider writes the time into its tokens")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use platen::config::Config;
use platen::daemon::{Daemon, DaemonError};
use platen::domain::event::Fact;
use platen::domain::people;
use platen::io::credentials::{CredentialsFile, FILE, SetUp};
use platen::io::secret::{PasswordHash, Secret};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{Answer, QUICK, parse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ADA: &str = "notes on the engine";

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What the provider has been asked, and answers next.
#[derive(Default)]
struct Next {
    challenge: String,
    token: String,
    exchanged: usize,
}

struct Provider {
    issuer: String,
    pair: EcdsaKeyPair,
    next: Mutex<Next>,
}

impl Provider {
    async fn start() -> (Arc<Self>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap();
        let provider = Arc::new(Self { issuer, pair, next: Mutex::default() });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(published))
            .route("/keys", get(keys))
            .route("/token", post(exchange))
            .with_state(Arc::clone(&provider));
        let task = tokio::spawn(async move { axum_serve(listener, router).await });
        (provider, task)
    }

    fn signed(&self, head: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(head.to_string()), encoded(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encoded(signature.as_ref()))
    }

    fn head() -> Value {
        json!({"alg": "ES256", "kid": "one"})
    }

    fn claims(&self, nonce: &str) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        json!({"iss": self.issuer, "aud": "platen", "sub": "4711", "nonce": nonce, "iat": now, "exp": now + 300,
            "preferred_username": "kim", "name": "Kim Lee", "groups": ["staff", "lab"]})
    }
}

/// platen's own way of serving, as good as any.
async fn axum_serve(listener: TcpListener, router: Router) {
    platen::api::serve(listener, router, tokio_util::sync::CancellationToken::new()).await;
}

async fn published(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys")}))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let point = provider.pair.public_key().as_ref();
    Json(json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", "alg": "ES256", "use": "sig",
        "x": encoded(&point[1..33]), "y": encoded(&point[33..])}]}))
}

async fn exchange(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, StatusCode> {
    let field = |name: &str| {
        let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next().unwrap_or_default()
    };
    let basic = format!("Basic {}", STANDARD.encode("platen:a%20secret"));
    let mut next = provider.next.lock().unwrap();
    let proven = encoded(Sha256::digest(field("code_verifier").as_bytes())) == next.challenge;
    let is_platen = headers["authorization"] == basic.as_str();
    let is_code = field("grant_type") == "authorization_code" && field("code") == "c0de";
    let back = field("redirect_uri") == "https%3A%2F%2Fplaten.lab%2Fsign-in%2Fback";
    if !(proven && is_platen && is_code && back) {
        return Err(StatusCode::BAD_REQUEST);
    }
    next.exchanged += 1;
    Ok(Json(json!({"id_token": next.token, "access_token": "x", "token_type": "Bearer"})))
}

struct House {
    daemon: Daemon,
    provider: Arc<Provider>,
    serving: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

fn configuration(folder: &std::path::Path, issuer: &str) -> Config {
    let secret = folder.join("secret");
    std::fs::write(&secret, "a secret\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    Config::parse(&format!(
        "site = \"lab\"\nnode = \"one\"\nstate_dir = {:?}\ndisk_floor_mb = 16\n\
         [http]\nlisten = \"127.0.0.1:0\"\npublic = \"https://platen.lab\"\n\
         [http.oidc]\nissuer = \"{issuer}\"\nclient_id = \"platen\"\nclient_secret_file = {secret:?}\n\
         roles = [\"lab = operator\", \"bosses = admin\"]\nemergency = \"ada\"\n\
         [[printer]]\nname = \"mk\"\nport = \"/dev/platen-none\"\nbaud = 115200\n",
        folder.join("state"),
    ))
    .unwrap()
}

impl House {
    async fn new() -> Self {
        let (provider, serving) = Provider::start().await;
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
        let first = SetUp { name: "ada".parse().unwrap(), printed: "Ada Lovelace".parse().unwrap() };
        let hash = PasswordHash::of(&Secret::new(ADA.into()), QUICK).unwrap();
        CredentialsFile::set_up(&state.join(FILE), first, hash).unwrap();
        let daemon = Daemon::start(configuration(folder.path(), &provider.issuer)).await.unwrap();
        Self { daemon, provider, serving, _folder: folder }
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.daemon.address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: platen.lab\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        parse(&all)
    }

    /// A browser that is sent to the provider: the cookie that it keeps, and what the provider is asked.
    async fn begin(&self) -> (String, Begun) {
        let answer = self.ask("GET", "/sign-in/site?to=/cases", "", "").await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap();
        for word in ["__Host-platen_way=", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(word), "{cookie}");
        }
        let place = answer.header("location").unwrap();
        let (at, query) = place.split_once('?').unwrap();
        assert_eq!(at, format!("{}/authorize", self.provider.issuer));
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap()
        };
        assert_eq!((value("response_type"), value("code_challenge_method")), ("code".into(), "S256".into()));
        self.provider.next.lock().unwrap().challenge = value("code_challenge");
        let begun = Begun { state: value("state"), nonce: value("nonce") };
        assert!(begun.state.len() >= 32 && begun.nonce.len() >= 32 && begun.state != begun.nonce);
        (cookie.split(';').next().unwrap().to_owned(), begun)
    }

    async fn back(&self, cookie: &str, state: &str, code: &str) -> Answer {
        let path = format!("/sign-in/back?{code}&state={state}&session_state=x");
        self.ask("GET", &path, &format!("Cookie: {cookie}\r\n"), "").await
    }

    /// The whole way, with what the provider then says of somebody.
    async fn sign_in(&self, head: &Value, change: impl FnOnce(&mut Value)) -> Answer {
        let (cookie, begun) = self.begin().await;
        let mut claims = self.provider.claims(&begun.nonce);
        change(&mut claims);
        self.provider.next.lock().unwrap().token = self.provider.signed(head, &claims);
        self.back(&cookie, &begun.state, "code=c0de").await
    }

    async fn who(&self, answer: &Answer) -> Value {
        let session = session_in(answer).expect("a session");
        self.ask("GET", "/v1/session", &format!("Cookie: {session}\r\n"), "").await.json()
    }

    async fn by_password(&self, name: &str, password: &str) -> Answer {
        let body = json!({"name": name, "password": password}).to_string();
        self.ask("POST", "/v1/session", "Content-Type: application/json\r\n", &body).await
    }
}

struct Begun {
    state: String,
    nonce: String,
}

fn session_in(answer: &Answer) -> Option<String> {
    let cookies = answer.head.lines().filter_map(|line| line.split_once(": "));
    let mut cookies = cookies.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let (_, cookie) = cookies.find(|(_, cookie)| cookie.starts_with("__Host-platen_session=platen_"))?;
    Some(cookie.split(';').next().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_whom_the_site_vouches_for_comes_in_with_the_roles_of_their_groups() {
    let house = House::new().await;
    let answer = house.sign_in(&Provider::head(), |_| {}).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("refresh"), Some("0; url=/cases"));
    let who = house.who(&answer).await;
    assert_eq!((&who["name"], &who["printed"]), (&json!("kim"), &json!("Kim Lee")), "{who}");
    assert_eq!((&who["roles"], &who["must_choose_password"]), (&json!(["operator"]), &json!(false)), "{who}");
    // What they are at the site is what they are here, the next time they come.
    let answer = house.sign_in(&Provider::head(), |claims| claims["groups"] = json!("bosses")).await;
    assert_eq!(house.who(&answer).await["roles"], json!(["admin"]));
    let left = house.sign_in(&Provider::head(), |claims| claims["groups"] = json!(["staff"])).await;
    assert!(left.status == 403 && session_in(&left).is_none(), "{left:?}");
    assert!(left.body.contains("has no role here"), "{}", left.body);
    house.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_in_by_a_token_that_is_not_for_them_here_and_now() {
    type Change = fn(&mut Value);
    let house = House::new().await;
    let wrong: [(&str, Change); 8] = [
        ("issuer", |claims| claims["iss"] = json!("https://evil.example")),
        ("audience", |claims| claims["aud"] = json!("other")),
        ("expired", |claims| claims["exp"] = json!(1_600_000_000)),
        ("nonce", |claims| claims["nonce"] = json!("another")),
        ("party", |claims| claims["azp"] = json!("other")),
        ("no subject", |claims| claims["sub"] = json!("")),
        ("no name", |claims| claims["preferred_username"] = json!("<b>")),
        ("a name of this house", |claims| claims["preferred_username"] = json!("Ada")),
    ];
    for (what, change) in wrong {
        let answer = house.sign_in(&Provider::head(), change).await;
        assert!(answer.status >= 400 && session_in(&answer).is_none(), "{what}: {answer:?}");
        assert!(answer.body.contains("href=\"/sign-in\""), "{what}: {}", answer.body);
    }
    for head in
        [json!({"alg": "none"}), json!({"alg": "HS256", "kid": "one"}), json!({"alg": "ES256", "kid": "two"})]
    {
        let answer = house.sign_in(&head, |_| {}).await;
        assert!(answer.status == 401 && session_in(&answer).is_none(), "{head}: {answer:?}");
    }
    let known = house.daemon.recorder.read(|lab| lab.people.users.len());
    assert_eq!(known, 1, "nobody was added");
    house.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_back_serves_once_and_only_the_browser_that_began() {
    let house = House::new().await;
    let (cookie, begun) = house.begin().await;
    let token = house.provider.signed(&Provider::head(), &house.provider.claims(&begun.nonce));
    house.provider.next.lock().unwrap().token = token;
    // Another browser is sent a link with all that it needs but the cookie; with that the way is used up.
    for other in ["x=y", "__Host-platen_way=another"] {
        let (_, theirs) = house.begin().await;
        let answer = house.back(other, &theirs.state, "code=c0de").await;
        assert!(answer.status == 401 && session_in(&answer).is_none(), "{answer:?}");
    }
    let unknown = house.back(&cookie, "another", "code=c0de").await;
    assert_eq!(unknown.status, 401);
    let (cookie, begun) = house.begin().await;
    let token = house.provider.signed(&Provider::head(), &house.provider.claims(&begun.nonce));
    house.provider.next.lock().unwrap().token = token;
    assert_eq!(house.back(&cookie, &begun.state, "code=c0de").await.status, 200);
    let exchanged = house.provider.next.lock().unwrap().exchanged;
    let again = house.back(&cookie, &begun.state, "code=c0de").await;
    assert!(again.status == 401 && session_in(&again).is_none(), "{again:?}");
    assert_eq!(house.provider.next.lock().unwrap().exchanged, exchanged, "its code is asked for once");
    let (cookie, begun) = house.begin().await;
    let denied = house.back(&cookie, &begun.state, "error=access_denied").await;
    assert!(denied.status == 401 && session_in(&denied).is_none(), "{denied:?}");
    house.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_provider_gone_one_password_opens_the_door_and_the_journal_and_the_admins_hear_of_it() {
    let house = House::new().await;
    house.serving.abort();
    let answer = house.ask("GET", "/sign-in/site", "", "").await;
    assert_eq!(answer.status, 502, "{answer:?}");
    let answer = house.by_password("ada", ADA).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let session = session_in(&answer).unwrap();
    let events = house.daemon.recorder.events(1, 100).await.unwrap();
    let used = events.iter().filter(|event| {
        matches!(&event.fact, Fact::People(people::Fact::EmergencyUsed { user }) if user.as_str() == "ada")
    });
    assert_eq!(used.count(), 1, "{events:?}");
    // Whoever else has a password does not come in by it.
    let kim = json!({"name": "lou", "roles": ["operator"], "password": "a first one by ada"}).to_string();
    let known = format!("Cookie: {session}\r\nContent-Type: application/json\r\n");
    assert_eq!(house.ask("POST", "/v1/users", &known, &kim).await.status, 201);
    let refused = house.by_password("lou", "a first one by ada").await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "wrong-name-or-password"));
    house.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_somebody_who_comes_in_without_it_platen_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Daemon::start(configuration(folder.path(), "http://127.0.0.1:9")).await.unwrap_err();
    assert!(matches!(refused, DaemonError::NoEmergency(_)), "{refused}");
    assert!(refused.to_string().contains("platen setup --name ada"), "{refused}");
}
