//! What is sent, by kind: each request by itself, with the answers that it may have.

use archive::sample::Zip;

use crate::wire::Shot;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Paths that lead out.
    Paths,
    /// Files whose names lead out.
    Names,
    /// Requests in requests: lengths, chunks, hosts and line ends that two readers read differently.
    Smuggled,
    /// Heads and bodies without measure.
    Giants,
    /// JSON and forms that are deep, huge or no text.
    Texts,
    /// Archives that unfold without end, lead out, or lie.
    Archives,
    /// Files that are not what they say.
    Files,
    /// Frames of a socket that are none, or too many.
    Frames,
    /// Another site's page, another name for this host.
    Foreign,
    /// Keys and passwords that are wrong.
    Keys,
    /// Secrets, asked for by nobody.
    Secrets,
}

/// How many of a hundred requests are of each kind.
pub const KINDS: [(Kind, usize); 11] = [
    (Kind::Paths, 15),
    (Kind::Names, 2),
    (Kind::Smuggled, 20),
    (Kind::Giants, 10),
    (Kind::Texts, 15),
    (Kind::Archives, 4),
    (Kind::Files, 5),
    (Kind::Frames, 8),
    (Kind::Foreign, 8),
    (Kind::Keys, 8),
    (Kind::Secrets, 5),
];

/// Chance that is the same each time (Steele and others, SplitMix, OOPSLA 2014).
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// Whom it is aimed at, and what whoever sends it has got hold of.
pub struct Aim {
    /// As a request names it.
    pub host: String,
    /// `Cookie: …`, of a session that may do everything.
    pub session: String,
    /// `X-Api-Key: …`, of a slicer.
    pub key: String,
    pub case: String,
    pub seed: u64,
}

const JSON: &str = "Content-Type: application/json\r\n";
const BYTES: &str = "Content-Type: application/octet-stream\r\n";
const URLENCODED: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const MULTIPART: &str = "Content-Type: multipart/form-data; boundary=xyz\r\n";
const NO_KEY: &str = "platen_0000000000000_0000000000000000000000000000000000000000000000000000000000000000";
const GCODE: &[u8] = b"G28\nG1 X10 Y10 F6000\n";
const MIB: usize = 1 << 20;

fn form(name: &[u8], field: &str, content: &[u8]) -> Vec<u8> {
    let begin = format!("--xyz\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"");
    [begin.as_bytes(), name, b"\"\r\n\r\n", content, b"\r\n--xyz--\r\n"].concat()
}

fn shot(what: impl Into<String>, bytes: Vec<u8>, expects: &'static [u16]) -> Shot {
    Shot { what: what.into(), bytes, expects, hangs_up: false }
}

/// A frame of a socket as a client sends it (RFC 6455, 5.2), masked with zeros; `length` is what it says.
fn frame(first: u8, length: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..126), _) => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

const TEXT: u8 = 0x81;

fn text(payload: &[u8]) -> Vec<u8> {
    frame(TEXT, payload.len() as u64, payload)
}

fn call(method: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"id\":1}}")
}

impl Aim {
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let (host, length) = (&self.host, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\n\
             Connection: close\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }

    /// Opens a socket.
    pub fn upgrade(&self, path: &str, headers: &str) -> String {
        let host = &self.host;
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    }

    pub fn shots(&self, kind: Kind) -> Vec<Shot> {
        match kind {
            Kind::Paths => self.paths(),
            Kind::Names => self.names(),
            Kind::Smuggled => self.smuggled(),
            Kind::Giants => self.giants(),
            Kind::Texts => self.texts(),
            Kind::Archives => self.archives(),
            Kind::Files => self.files(),
            Kind::Frames => self.frames(),
            Kind::Foreign => self.foreign(),
            Kind::Keys => self.keys(),
            Kind::Secrets => self.secrets(),
        }
    }

    /// Nobody, whoever is signed in, and a slicer.
    fn askers(&self) -> [(&'static str, &str); 3] {
        [("nobody", ""), ("a session", &self.session), ("a slicer", &self.key)]
    }

    fn paths(&self) -> Vec<Shot> {
        let paths = [
            "/assets/../../../etc/passwd",
            "/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "/assets/..%5c..%5cx",
            "/v1/files/../../credentials",
            "/v1/files/%2e%2e%2fcredentials",
            "/v1/files/..%2f..%2fcredentials/content",
            "//etc/passwd",
            "/../../../../etc/passwd",
            "/v1/photos/..%2f..%2fcredentials",
            "/server/files/gcodes/..%2f..%2fcredentials",
            "/server/files/gcodes/../../credentials",
            "/downloads/files/local/..%2f..%2fcredentials",
            "/p/..%2f..%2f/api/version",
            "/c/../../1/api/version",
            "/v1/reports/..%2f..%2fcredentials",
            "/v1/printers/..%2f..%2fetc",
            "/v1/cases/%00/quality",
            "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
            "/v1/vault/records/..%2f..%2fvault.key",
            "/api/files/local/..%2f..%2fcredentials",
            "/api/v1/files/local/..%2fcredentials",
            "/server/files/metadata?filename=../../credentials",
            "/server/files/list?root=../..",
            "/server/files/directory?path=../../..",
            "/live?page=../../etc/passwd",
            "/v1/files/%ff%fe",
            "file:///etc/passwd",
        ];
        let mut all = Vec::new();
        for path in paths {
            for (who, headers) in self.askers() {
                let request = self.request("GET", path, headers, b"");
                all.push(shot(format!("{path} for {who}"), request, &[400, 401, 403, 404]));
            }
        }
        all
    }

    fn names(&self) -> Vec<Shot> {
        let long = format!("quimby{}.gcode", "x".repeat(4_000));
        let names: [&[u8]; 9] = [
            b"../../../../etc/passwd",
            b"..\\..\\quimby.gcode",
            b"/etc/quimby.gcode",
            b"quimby\0.gcode",
            b"quimby\xff\xfe.gcode",
            b"$(quimby).gcode",
            b"<script>quimby()</script>.gcode",
            "quimby\u{202e}edocg.exe".as_bytes(),
            long.as_bytes(),
        ];
        let mut all = Vec::new();
        for name in names {
            for path in ["/api/files/local", "/server/files/upload", "/p/mk-01/api/files/local"] {
                let headers = format!("{}{MULTIPART}", self.key);
                let request = self.request("POST", path, &headers, &form(name, "file", GCODE));
                let shown = String::from_utf8_lossy(&name[..name.len().min(40)]).into_owned();
                all.push(shot(format!("{shown:?} to {path}"), request, &[201, 400, 415, 422]));
            }
        }
        let headers = format!("{}Content-Type: text/x.gcode\r\n", self.key);
        for name in ["..%2f..%2fquimby.gcode", "%00quimby.gcode", "quimby/%2e%2e/%2e%2e/x.gcode"] {
            let request = self.request("PUT", &format!("/api/v1/files/local/{name}"), &headers, GCODE);
            all.push(shot(format!("PUT of {name}"), request, &[201, 400, 404, 415, 422]));
        }
        all
    }

    fn smuggled(&self) -> Vec<Shot> {
        let host = format!("Host: {}\r\n", self.host);
        let hidden = format!("GET /openapi.json HTTP/1.1\r\n{host}\r\n");
        let length = hidden.len();
        let chunked = "Transfer-Encoding: chunked\r\n";
        let empty = format!("\r\n0\r\n\r\n{hidden}");
        let in_chunks = |size: &str| format!("{chunked}\r\n{size}\r\n{hidden}");
        let posts = [
            ("a length beside chunks", format!("Content-Length: {}\r\n{chunked}{empty}", 5 + length)),
            (
                "chunks beside a length",
                format!("{chunked}Content-Length: 4\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n"),
            ),
            ("a coding that is none", format!("Transfer-Encoding: xchunked\r\n{empty}")),
            ("chunks that are not the last", format!("Transfer-Encoding: chunked, identity\r\n{empty}")),
            ("codings twice", format!("{chunked}Transfer-Encoding: identity\r\n{empty}")),
            ("a folded coding", format!("Transfer-Encoding:\r\n chunked\r\n{empty}")),
            ("a space before the colon", format!("Transfer-Encoding : chunked\r\n{empty}")),
            ("lengths twice", format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}")),
            ("lengths in a list", format!("Content-Length: 0, {length}\r\n\r\n{hidden}")),
            ("a length with a sign", format!("Content-Length: +{length}\r\n\r\n{hidden}")),
            ("a length below nothing", format!("Content-Length: -1\r\n\r\n{hidden}")),
            ("a length beyond 64 bits", format!("Content-Length: 18446744073709551616\r\n\r\n{hidden}")),
            ("a chunk beyond 64 bits", in_chunks("FFFFFFFFFFFFFFFFF")),
            ("a chunk below nothing", in_chunks("-1")),
            ("a chunk in another spelling", in_chunks("0x2\r\nab\r\n0\r\n")),
            ("a chunk with a word", in_chunks(&format!("2;{}\r\n{{}}\r\n0\r\n", "x".repeat(30_000)))),
            ("chunks with bare line ends", in_chunks("2\n{}\n0\n")),
            ("trailers", in_chunks("2\r\n{}\r\n0\r\nHost: evil.example\r\nContent-Length: 9\r\n")),
        ];
        let gets = [
            ("Host twice", host.clone()),
            ("two Hosts", "Host: evil.example\r\n".to_owned()),
            ("a folded header", "X-One: b\r\n c\r\n".to_owned()),
            ("a bare CR", "X-One: b\rX-Two: c\r\n".to_owned()),
            ("a zero in a header", "X-One: b\0c\r\n".to_owned()),
        ];
        let mut all = Vec::new();
        for (who, headers) in &self.askers()[..2] {
            for (what, rest) in &posts {
                let bytes = format!("POST /v1/cases HTTP/1.1\r\n{host}{headers}{JSON}{rest}").into_bytes();
                all.push(shot(format!("{what}, of {who}"), bytes, &[400, 401]));
            }
            for (what, rest) in &gets {
                let bytes = format!("GET /v1/session HTTP/1.1\r\n{host}{headers}{rest}\r\n").into_bytes();
                all.push(shot(format!("{what}, of {who}"), bytes, &[400]));
            }
            let bare = format!("GET /v1/session HTTP/1.1\r\n{host}{headers}X-One: a\nX-Two: b\r\n\r\n");
            all.push(shot(format!("a bare line end, of {who}"), bare.into_bytes(), &[200, 400, 401]));
            let body = self.request("GET", "/v1/session", headers, hidden.as_bytes());
            all.push(shot(format!("a body where none belongs, of {who}"), body, &[200, 400, 401]));
            // As long as there are bytes: it is never whole.
            let longest = format!(
                "POST /v1/cases HTTP/1.1\r\n{host}{headers}{JSON}\
                 Content-Length: 18446744073709551613\r\n\r\n{hidden}"
            );
            let longest = shot(format!("the longest length, of {who}"), longest.into_bytes(), &[0, 400, 401]);
            all.push(Shot { hangs_up: true, ..longest });
        }
        all.push(shot("no Host", b"GET /v1/session HTTP/1.1\r\n\r\n".into(), &[400]));
        let cut = format!("POST /v1/stop HTTP/1.1\r\n{host}{chunked}\r\nFFFFFFFFFFFFFFFFF\r\n");
        all.push(shot("a stop in a chunk beyond 64 bits", cut.into_bytes(), &[400]));
        let cut = format!("POST /v1/stop HTTP/1.1\r\n{host}Content-Length: 10\r\n\r\n{{");
        all.push(Shot { hangs_up: true, ..shot("half a stop", cut.into_bytes(), &[0, 400]) });
        let printable: Vec<u8> = (0..=255).collect();
        all.push(shot("no HTTP at all", printable.repeat(4), &[0, 400]));
        all
    }

    fn giants(&self) -> Vec<Shot> {
        let host = format!("Host: {}\r\n", self.host);
        let mut all = Vec::new();
        for (who, headers) in &self.askers()[..2] {
            let get = |rest: String| {
                format!("GET /v1/session HTTP/1.1\r\n{host}{headers}{rest}Connection: close\r\n\r\n")
                    .into_bytes()
            };
            let large = "x".repeat(MIB);
            let long = &large[..12_000];
            for (what, bytes) in [
                ("a header of 20 KB", get(format!("X: {}\r\n", &large[..20_000]))),
                ("a header of 1 MB", get(format!("X: {large}\r\n"))),
                ("101 headers", get("X: y\r\n".repeat(101))),
                ("5,000 headers", get("X: y\r\n".repeat(5_000))),
                ("an address of 70 KB", self.request("GET", &format!("/{}", &large[..70_000]), headers, b"")),
            ] {
                // What is still under way when it is refused may take the answer with it.
                all.push(shot(format!("{what}, of {who}"), bytes, &[0, 414, 431]));
            }
            let query = format!("/v1/jobs?{}", "a=b&".repeat(3_000));
            let keys = format!("Authorization: Bearer {long}\r\n");
            for (what, bytes) in [
                ("an address of 12 KB", self.request("GET", &format!("/v1/{long}"), headers, b"")),
                ("3,000 questions", self.request("GET", &query, headers, b"")),
                ("a method of 10 KB", self.request(&"G".repeat(10_000), "/", headers, b"")),
                ("a key of 12 KB", self.request("GET", "/v1/jobs", &keys, b"")),
                (
                    "3,500 cookies",
                    self.request("GET", "/v1/jobs", &format!("Cookie: {}\r\n", "a=b;".repeat(3_500)), b""),
                ),
            ] {
                all.push(shot(format!("{what}, of {who}"), bytes, &[400, 401, 404, 405, 414, 431]));
            }
            let given = format!("{headers}{JSON}");
            for bytes in [70_000, MIB] {
                let body = format!("{{\"intended_use\":\"{}\"}}", &large[..bytes]);
                let request = self.request("POST", "/v1/cases", &given, body.as_bytes());
                all.push(shot(format!("{bytes} bytes of JSON, of {who}"), request, &[0, 401, 413]));
            }
        }
        all
    }

    fn texts(&self) -> Vec<Shot> {
        let case = &self.case;
        let message = format!("/v1/cases/{case}/messages");
        let part = format!("/v1/cases/{case}/parts");
        let job = |part: &str| {
            format!("{{\"file\":\"00\",\"case\":\"{case}\",\"part\":{part},\"printer\":\"mk-01\"}}")
                .into_bytes()
        };
        let nested = format!("{{\"text\":\"x\",\"mentions\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let bodies: [(&str, &str, Vec<u8>); 13] = [
            ("lists in lists", "/v1/cases", "[".repeat(60_000).into_bytes()),
            ("objects in objects", "/v1/jobs", "{\"a\":".repeat(12_000).into_bytes()),
            ("a deep value", "/v1/cases", format!("{{\"intended_use\":{}", "[".repeat(50_000)).into_bytes()),
            ("deep mentions", &message, nested.into_bytes()),
            ("a part beyond all numbers", "/v1/jobs", job("1e400")),
            ("a part of 23 digits", "/v1/jobs", job("99999999999999999999999")),
            ("a part below nothing", "/v1/jobs", job("-1")),
            ("60,000 digits", "/v1/cases", "9".repeat(60_000).into_bytes()),
            ("bytes that are no text", "/v1/cases", b"{\"intended_use\":\"\xff\xfe\"}".into()),
            ("half a character", "/v1/cases", b"{\"intended_use\":\"\\ud800\"}".into()),
            ("a zero in a name", &part, b"{\"name\":\"a\\u0000b\"}".into()),
            ("a field twice", "/v1/cases", b"{\"intended_use\":\"guide\",\"intended_use\":\"model\"}".into()),
            ("a list in place of an object", "/v1/cases", b"[\"guide\"]".into()),
        ];
        let mut all = Vec::new();
        for (who, headers) in &self.askers()[..2] {
            let given = format!("{headers}{JSON}");
            for (what, path, body) in &bodies {
                let request = self.request("POST", path, &given, body);
                all.push(shot(format!("{what}, of {who}"), request, &[400, 401, 422]));
            }
            let form = self.request(
                "POST",
                "/do/job",
                &format!("{headers}{URLENCODED}"),
                "%".repeat(60_000).as_bytes(),
            );
            all.push(shot(format!("a form of percent signs, of {who}"), form, &[400, 401]));
            let page = self.request("GET", "/v1/events?after=99999999999999999999999", headers, b"");
            all.push(shot(format!("a page beyond all numbers, of {who}"), page, &[400, 401]));
        }
        for (what, body) in [
            ("a printer that leads out", b"{\"printer\":\"../mk-01\"}".to_vec()),
            ("lists in lists", "[".repeat(30_000).into_bytes()),
            ("a printer that is a number", b"{\"printer\":1e999}".to_vec()),
        ] {
            all.push(shot(
                format!("a stop of {what}"),
                self.request("POST", "/v1/stop", JSON, &body),
                &[400, 422],
            ));
        }
        let head = [b"GET /v1/session HTTP/1.1\r\nHost: ".as_slice(), b"\xff\xfe\r\n\r\n"].concat();
        all.push(shot("a Host that is no text", head, &[400]));
        all
    }

    fn archives(&self) -> Vec<Shot> {
        const MODEL: &str = "3D/3dmodel.model";
        let leads = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
            <Relationship Id=\"r\" Target=\"/3D/3dmodel.model\" \
            Type=\"http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel\"/></Relationships>";
        let parts = || Zip::default().file("_rels/.rels", leads.as_bytes());
        let with = |model: &[u8]| parts().file(MODEL, model).bytes();
        let zeros = vec![0; 32 * MIB];
        let bomb = with(&zeros);
        assert!(bomb.len() < MIB, "{} bytes of bomb are not taken at all", bomb.len());
        let mut many = Zip::default();
        for number in 0..6_000 {
            many = many.file(&format!("f{number}"), b"");
        }
        let settings = b"action = print\nlayerHeight = 0.05\nexpTime = 1e400\nnumFast = 99999999999\n";
        let sl1 = || Zip::default().file("config.ini", settings).file("prusaslicer.ini", b"x = y\n");
        let deep = "<model xmlns=\"http://schemas.microsoft.com/3dmanufacturing/core/2015/02\">".to_owned()
            + &"<metadata name=\"a\">".repeat(40_000);
        let entities =
            b"<!DOCTYPE l [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><model>&b;</model>";
        let archives = [
            ("a bomb", bomb.clone()),
            ("half a bomb", bomb[..bomb.len() / 2].to_vec()),
            ("a bomb of masks", sl1().file("a00000.png", &zeros).bytes()),
            ("a bomb that says it is small", parts().claiming(100).file(MODEL, &zeros[..8 * MIB]).bytes()),
            (
                "a name that leads out",
                Zip::default().file("../../etc/cron.d/x", b"x").file(MODEL, b"x").bytes(),
            ),
            ("a mask that leads out", sl1().file("../../a00000.png", b"x").bytes()),
            ("a mask that is none", sl1().file("a00000.png", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xff").bytes()),
            ("a name twice", Zip::default().file(MODEL, b"x").file(MODEL, b"y").bytes()),
            ("6,000 files", many.bytes()),
            ("XML without a ground", with(deep.as_bytes())),
            ("entities of entities", with(entities)),
        ];
        let mut all = Vec::new();
        let headers = format!("{}{BYTES}", self.session);
        let mut chance = Chance(self.seed);
        let damaged =
            archives.iter().flat_map(|(what, bytes)| (0..3).map(move |_| (*what, bytes)).collect::<Vec<_>>());
        let damaged: Vec<_> = damaged
            .map(|(what, bytes)| {
                let mut bytes = bytes.clone();
                // The first ones say that it is an archive.
                for _ in 0..4 {
                    let at = 4 + chance.below(bytes.len() - 4);
                    bytes[at] ^= 1 << chance.below(8);
                }
                (format!("{what}, damaged"), bytes)
            })
            .collect();
        let whole = archives.into_iter().map(|(what, bytes)| (what.to_owned(), bytes));
        for (what, bytes) in whole.chain(damaged) {
            for path in ["/v1/files", "/v1/models?kind=3mf"] {
                let request = self.request("POST", path, &headers, &bytes);
                all.push(shot(format!("{what} to {path}"), request, &[422]));
            }
        }
        all
    }

    fn files(&self) -> Vec<Shot> {
        let ctb = [0x12FD_0086_u32.to_le_bytes(), 4_u32.to_le_bytes()].concat();
        let files: [(&str, Vec<u8>); 7] = [
            ("bytes", (0..=255).collect::<Vec<u8>>().repeat(100)),
            ("a line of 500 KB", [b"G1 X".as_slice(), "1".repeat(500_000).as_bytes(), b"\n"].concat()),
            ("a new firmware", b"M997\n".to_vec()),
            ("a CTB of nothing but ones", [ctb, vec![0xFF; 200]].concat()),
            ("a GOO that is cut", [b"V3.0\x07\0\0\0DLP\0".as_slice(), &[0xFF; 200]].concat()),
            ("a GOO of nothing but ones", [b"V3.0\x07\0\0\0DLP\0".as_slice(), &[0xFF; 200_000]].concat()),
            ("a program", b"\x7fELF\x02\x01\x01\0 and so on".repeat(20)),
        ];
        let headers = format!("{}{BYTES}", self.session);
        let to = |path: &str, more: &str, body: &[u8]| {
            self.request("POST", path, &format!("{headers}{more}"), body)
        };
        let mut all: Vec<_> = files
            .iter()
            .map(|(what, body)| shot(format!("{what} as a file"), to("/v1/files", "", body), &[422]))
            .collect();
        let mut chance = Chance(self.seed + 1);
        for number in 0..40 {
            let body: Vec<u8> = (0..4_096).map(|_| chance.below(256).to_le_bytes()[0]).collect();
            let path = ["/v1/files", "/v1/models"][number % 2];
            all.push(shot(format!("chance {number} to {path}"), to(path, "", &body), &[422]));
        }
        let solid = [b"solid".as_slice(), &[0; 75], &u32::MAX.to_le_bytes(), &[0; 50]].concat();
        all.push(shot("a model that lies about its size", to("/v1/models", "", &solid), &[422]));
        let piece = to("/v1/files", "Content-Range: bytes 0-1/5\r\n", GCODE);
        all.push(shot("a piece of a file", piece, &[400]));
        let large = b"G28\n".repeat(MIB / 2);
        all.push(shot("a file beyond the limit", to("/v1/files", "", &large), &[0, 413]));
        let (host, session) = (&self.host, &self.session);
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nHost: {host}\r\n{session}{BYTES}Transfer-Encoding: chunked\r\n\r\n"
        );
        let chunk = [b"10000\r\n".as_slice(), &large[..1 << 16], b"\r\n"].concat();
        let endless = [head.as_bytes(), &chunk.repeat(24), b"0\r\n\r\n"].concat();
        all.push(shot("a file beyond the limit that does not say so", endless, &[0, 413]));
        let headers = format!("{session}{MULTIPART}");
        let whole = form(b"a.gcode", "file", GCODE);
        for (what, body) in [
            ("another field", form(b"a.gcode", "path", GCODE)),
            ("no end", whole[..whole.len() - 10].to_vec()),
            ("nothing", Vec::new()),
        ] {
            let request = self.request("POST", "/v1/files", &headers, &body);
            all.push(shot(format!("a form with {what}"), request, &[400, 422]));
        }
        all
    }

    fn frames(&self) -> Vec<Shot> {
        let many = vec![call("server.info"); 1_000].join(",");
        let sent: [(&str, Vec<u8>); 15] = [
            ("a text without a mask", b"\x81\x02{}".to_vec()),
            ("a reserved bit", frame(0xC1, 2, b"{}")),
            ("a kind that is none", frame(0x83, 2, b"{}")),
            ("a text of 2^63 bytes", frame(TEXT, u64::MAX >> 1, b"")),
            ("a text of 100 KB", text(&[b' '; 100_000])),
            ("a text that is none", text(b"\xff\xfe")),
            ("a ping of 200 bytes", frame(0x89, 200, &[b'x'; 200])),
            ("a piece of nothing", frame(0x80, 1, b"x")),
            (
                "pieces without an end",
                [frame(0x01, 60_000, &[b'['; 60_000]), frame(0x00, 60_000, &[b'['; 60_000])].concat(),
            ),
            ("half a goodbye", frame(0x88, 1, b"\0")),
            ("lists in lists", text(&[b'['; 60_000])),
            ("1,000 calls at once", text(format!("[{many}]").as_bytes())),
            ("500 calls one after the other", text(call("server.info").as_bytes()).repeat(500)),
            ("2,000 pings", frame(0x89, 1, b"x").repeat(2_000)),
            ("a method that leads out", text(call("../../etc/passwd").as_bytes())),
        ];
        let goodbye = frame(0x88, 0, b"");
        let mut all: Vec<_> = sent
            .iter()
            .map(|(what, frames)| {
                let bytes = [self.upgrade("/websocket", &self.key).as_bytes(), frames, &goodbye].concat();
                // Who goes on sending after the end may miss all of it.
                shot(format!("{what} in a socket"), bytes, &[0, 101])
            })
            .collect();
        let foreign = format!("{}Origin: http://evil.example\r\n", self.key);
        let wrong = format!("X-Api-Key: {NO_KEY}\r\n");
        let refused: [(&str, &str, &str, &'static [u16]); 6] = [
            ("of nobody", "/websocket", "", &[401]),
            ("with a wrong key", "/websocket", &wrong, &[401, 403]),
            ("with a cookie", "/websocket", &self.session, &[401]),
            ("with a ticket that is none", "/websocket?token=0123456789abcdef0123456789abcdef", "", &[401]),
            ("of another page", "/websocket", &foreign, &[403]),
            ("of no printer", "/p/..%2f/websocket", &self.key, &[400, 404]),
        ];
        for (what, path, headers, expects) in refused {
            all.push(shot(format!("a socket {what}"), self.upgrade(path, headers).into_bytes(), expects));
        }
        let old = self.upgrade("/websocket", &self.key).replace("Version: 13", "Version: 8");
        all.push(shot("a socket of another version", old.into_bytes(), &[400, 426]));
        let plain = self.request("GET", "/websocket", &self.key, b"");
        all.push(shot("a socket that is none", plain, &[400, 426]));
        all
    }

    fn foreign(&self) -> Vec<Shot> {
        let mut all = Vec::new();
        let guide = b"{\"intended_use\":\"guide\"}";
        for (who, headers) in &self.askers()[..2] {
            for page in [
                "Origin: https://evil.example\r\n".to_owned(),
                "Origin: null\r\n".to_owned(),
                "Origin: http://127.0.0.1:1\r\n".to_owned(),
                format!("Origin: http://{}.evil.example\r\n", self.host),
                "Sec-Fetch-Site: cross-site\r\n".to_owned(),
                "Sec-Fetch-Site: same-site\r\n".to_owned(),
            ] {
                let json = self.request("POST", "/v1/cases", &format!("{headers}{JSON}{page}"), guide);
                all.push(shot(format!("a case from a page, of {who}, with {page:?}"), json, &[403]));
                let form = format!("{headers}Content-Type: text/plain\r\n{page}");
                let form = self.request("POST", "/do/job", &form, b"a=b");
                all.push(shot(format!("a form from a page, of {who}, with {page:?}"), form, &[403]));
                let stop = self.request("POST", "/v1/stop", &format!("{headers}{page}"), b"");
                all.push(shot(format!("a stop from a page, of {who}, with {page:?}"), stop, &[403]));
            }
            for name in ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "localhost.evil.example:80"] {
                for path in ["/v1/session", "/v1/jobs", "/"] {
                    let own = format!("Host: {}\r\n", self.host);
                    let request = String::from_utf8(self.request("GET", path, headers, b"")).unwrap();
                    let request = request.replace(&own, &format!("Host: {name}\r\n"));
                    all.push(shot(format!("{path} of {name}, of {who}"), request.into_bytes(), &[421]));
                }
            }
            let other = self.request("GET", "http://evil.example/v1/session", headers, b"");
            all.push(shot(format!("a whole address, of {who}"), other, &[421]));
            let through = self.request("CONNECT", "evil.example:443", headers, b"");
            all.push(shot(format!("a way through, of {who}"), through, &[400, 421]));
        }
        all
    }

    fn keys(&self) -> Vec<Shot> {
        let almost = |line: &str| {
            let line = line.trim_end();
            let last = if line.ends_with('0') { '1' } else { '0' };
            format!("{}{last}\r\n", &line[..line.len() - 1])
        };
        let shown = [
            format!("X-Api-Key: {NO_KEY}\r\n"),
            format!("Authorization: Bearer {NO_KEY}\r\n"),
            "Authorization: Basic YWRhOmFkYQ==\r\n".to_owned(),
            "Authorization: Digest username=\"maker\r\n".to_owned(),
            format!("Cookie: platen_session={NO_KEY}\r\n"),
            "X-Api-Key: \u{ff}\r\n".to_owned(),
            almost(&self.key),
            almost(&self.session),
        ];
        let reads = format!("/v1/cases/{}/messages", self.case);
        let paths = ["/api/version", "/v1/jobs", "/server/info", "/api/v1/status", reads.as_str()];
        let mut all = Vec::new();
        for headers in &shown {
            for path in paths {
                let request = self.request("GET", path, headers, b"");
                all.push(shot(format!("{path} with another key"), request, &[400, 401, 403]));
            }
        }
        for number in 0..10 {
            let name = if number == 0 { "ada".to_owned() } else { format!("mallory{number}") };
            let body = format!("{{\"name\":\"{name}\",\"password\":\"guess {number} of many\"}}");
            let request = self.request("POST", "/v1/session", JSON, body.as_bytes());
            all.push(shot("a wrong password", request, &[401, 429]));
        }
        let form = self.request("POST", "/do/sign-in", URLENCODED, b"name=mallory1&password=guess");
        all.push(shot("a wrong password on the page", form, &[400, 401, 403, 429]));
        all
    }

    fn secrets(&self) -> Vec<Shot> {
        let case = &self.case;
        let mut all = Vec::new();
        for path in [
            format!("/v1/cases/{case}"),
            format!("/v1/cases/{case}/messages"),
            format!("/v1/cases/{case}/story"),
            format!("/v1/vault/records/{case}"),
            "/v1/vault/records".to_owned(),
            "/v1/users".to_owned(),
            "/v1/tokens".to_owned(),
            "/v1/events?after=0".to_owned(),
            "/v1/audit".to_owned(),
            "/v1/journal".to_owned(),
            "/v1/jobs".to_owned(),
            "/v1/printers".to_owned(),
            "/access/api_key".to_owned(),
            "/access/oneshot_token".to_owned(),
            "/".to_owned(),
            "/queue".to_owned(),
        ] {
            all.push(shot(format!("{path} for nobody"), self.request("GET", &path, "", b""), &[303, 401]));
        }
        let reason = b"{\"reason\":\"clinical-question\"}";
        let path = format!("/v1/cases/{case}/identifiers/read");
        // A program is nobody who may read who a case is for.
        let bearer = self.key.replace("X-Api-Key: ", "Authorization: Bearer ");
        for (who, headers) in [("nobody", ""), ("a slicer", bearer.as_str())] {
            let request = self.request("POST", &path, &format!("{headers}{JSON}"), reason);
            all.push(shot(format!("who a case is for, asked by {who}"), request, &[401, 403]));
        }
        all
    }
}
