//! Photos over a real socket: taken in without a word of metadata, given back, named by inspections, shown in reports.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{Answer, GCODE, NAME, TestLab, lab, photo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn upload(lab: &TestLab, bytes: &[u8]) -> Answer {
    lab.send("POST", "/v1/photos", "", bytes).await
}

/// The head and the bytes of an answer, as they are.
async fn fetch(lab: &TestLab, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(lab.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", lab.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let at = all.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let body = all.split_off(at + 4);
    (String::from_utf8(all).unwrap().to_lowercase(), body)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

fn kept(lab: &TestLab) -> Vec<std::path::PathBuf> {
    let all = std::fs::read_dir(lab.folder.path().join("files")).unwrap();
    let mut all: Vec<_> = all.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    all.sort();
    let left = std::fs::read_dir(lab.folder.path().join("files/incoming")).unwrap().count();
    assert_eq!(left, 0, "something of an upload is left");
    all
}

fn said(answer: &Answer) -> String {
    let told = answer.json();
    format!("{}; {}", told["detail"].as_str().unwrap(), told["help"].as_str().unwrap())
}

/// What is asked of an inspection of a printer's phantom, which needs no print.
fn of_phantom(photos: &[&str]) -> Value {
    json!({"by": "mo", "subject": {"of": "phantom", "printer": "mk3-01"}, "template": "ring", "values": [1.0],
        "photos": photos})
}

async fn template(lab: &TestLab) {
    let item = json!({"name": "whole", "unit": "yes", "nominal": 1, "low": 1, "high": 1, "weight": "fail"});
    let template = json!({"by": "pat", "name": "ring", "method": "visual", "items": [item]});
    let written = lab.post("/v1/templates", &template).await;
    assert_eq!(written.status, 201, "{written:?}");
}

#[tokio::test]
async fn a_photo_is_kept_without_a_word_beside_its_picture_and_given_back_as_it_is_kept() {
    let lab = lab().await;
    let sent = photo(6, NAME);
    assert!(has(&sent, NAME.as_bytes()));
    let answer = upload(&lab, &sent).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let told = answer.json();
    let hash = told["photo"].as_str().unwrap().to_owned();
    let place = format!("/v1/photos/{hash}");
    assert_eq!(answer.header("location"), Some(place.as_str()));
    let (head, bytes) = fetch(&lab, &place).await;
    assert!(head.starts_with("http/1.0 200") || head.starts_with("http/1.1 200"), "{head}");
    for line in ["content-type: image/jpeg", "x-content-type-options: nosniff", "cache-control: no-store"] {
        assert!(head.contains(line), "{head}");
    }
    assert!(head.contains("content-security-policy: default-src 'self'; object-src 'none'"), "{head}");
    assert_eq!((sha256(&bytes), bytes.len() as u64), (hash.clone(), told["bytes"].as_u64().unwrap()));
    assert_eq!((&told["format"], &told["width"], &told["height"]), (&json!("jpeg"), &json!(8), &json!(8)));
    assert!(!has(&bytes, NAME.as_bytes()) && !has(&bytes, b"52.5"), "{bytes:?}");
    let turned = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06";
    assert!(has(&bytes, turned), "it is as it was held: {bytes:?}");
    // Nothing else of it is on the disk, and what is there is the same whoever uploads it, and how.
    assert_eq!(kept(&lab), [lab.folder.path().join("files").join(&hash)]);
    assert_eq!(std::fs::read(&kept(&lab)[0]).unwrap(), bytes);
    let other = photo(6, "somebody else");
    for again in [&bytes, &other] {
        assert_eq!(upload(&lab, again).await.json()["photo"], hash.as_str());
    }
    let form = [
        &b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"jane.jpg\"\r\n\r\n"[..],
        &sent,
        b"\r\n--b--\r\n",
    ];
    let kind = "Content-Type: multipart/form-data; boundary=b\r\n";
    let by_form = lab.send("POST", "/v1/photos", kind, &form.concat()).await;
    assert_eq!((by_form.status, &by_form.json()["photo"]), (201, &json!(hash)));
    assert_eq!(kept(&lab).len(), 1);
}

#[tokio::test]
async fn what_is_no_photo_is_refused_with_its_reason_and_nothing_of_it_is_kept() {
    let lab = lab().await;
    let whole = photo(1, NAME);
    let mut large = whole.clone();
    large.resize(1_100_000, 0);
    for (bytes, status, problem, words) in [
        (
            GCODE,
            422,
            "no-photo",
            "this photo cannot be kept: it is neither a JPEG nor a PNG; export it as a JPEG",
        ),
        (&b""[..], 422, "no-photo", "neither"),
        (
            &whole[..whole.len() - NAME.len() - 2],
            422,
            "no-photo",
            "it ends before its end; copy it from the camera again",
        ),
        (&b"\0\0\0\x18ftypheic"[..], 422, "no-photo", "set the camera to JPEG"),
        // The bound of this lab's uploads; what comes behind a picture counts, too.
        (&large[..], 413, "too-large", "larger than 1 MB; take the photo with fewer pixels"),
    ] {
        let answer = upload(&lab, bytes).await;
        // Where the server closes before all is sent, its answer may be lost.
        if answer.status == 0 && status == 413 {
            continue;
        }
        assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{answer:?}");
        assert!(said(&answer).contains(words), "\"{}\" does not say \"{words}\"", said(&answer));
        assert!(!answer.body.contains(NAME), "{answer:?}");
        assert_eq!(kept(&lab).len(), 0);
    }
}

#[tokio::test]
async fn an_inspection_names_photos_that_are_here_and_no_others() {
    let lab = lab().await;
    template(&lab).await;
    let ask = async |photos: &[&str]| lab.post("/v1/inspections", &of_phantom(photos)).await;
    let nothing = "a".repeat(64);
    let hash = upload(&lab, &photo(1, NAME)).await.json()["photo"].as_str().unwrap().to_owned();
    let file = lab.upload(GCODE).await.json()["file"].as_str().unwrap().to_owned();
    // What was sent has another hash than what is kept.
    let sent = sha256(&photo(1, NAME));
    for of in [&nothing, &file, &sent] {
        let refused = ask(&[&hash, of]).await;
        assert_eq!((refused.status, refused.problem().as_str()), (404, "no-such-photo"), "{refused:?}");
        let words = format!("no photo {of} is kept here; upload it (`platen photos upload FILE`)");
        assert!(said(&refused).starts_with(&words), "{refused:?}");
    }
    let many = ask(&[&hash[..]; 4]).await;
    assert_eq!((many.status, many.problem().as_str()), (409, "too-many"), "{many:?}");
    for path in [&nothing, &file] {
        let refused = lab.get(&format!("/v1/photos/{path}")).await;
        assert_eq!((refused.status, refused.problem().as_str()), (404, "no-such-photo"), "{refused:?}");
    }
    assert_eq!(lab.get("/v1/inspections").await.json(), json!([]), "none was noted");

    let noted = ask(&[&hash]).await;
    assert_eq!(noted.status, 201, "{noted:?}");
    assert_eq!(noted.json()["photos"], json!([hash]));
    assert_eq!(noted.json()["pictures"], json!([format!("/v1/photos/{hash}")]));

    // A photo that the disk has changed is neither shown nor named anew; uploaded again, it is as before.
    let at = lab.folder.path().join("files").join(&hash);
    let mut bytes = std::fs::read(&at).unwrap();
    bytes[30] ^= 1;
    std::fs::write(&at, bytes).unwrap();
    let shown = lab.get(&format!("/v1/photos/{hash}")).await;
    assert_eq!((shown.status, shown.problem().as_str()), (410, "photo-changed"), "{shown:?}");
    let refused = ask(&[&hash]).await;
    assert_eq!((refused.status, refused.problem().as_str()), (410, "photo-changed"), "{refused:?}");
    assert_eq!(upload(&lab, &photo(1, "")).await.json()["photo"], hash.as_str());
    assert_eq!(ask(&[&hash]).await.status, 201);
}
