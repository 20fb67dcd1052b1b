//! A lab over HTTP whose case can be brought to any point of its way.

use platen::domain::event::Actor;
use platen::domain::ids::CaseToken;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use serde_json::{Value, json};

use crate::support::{Answer, GCODE, TestLab, lab};

/// A tetrahedron of 8 by 6 by 10 mm times `factor`, as ASCII STL.
pub fn model(factor: f64) -> String {
    let corners = [[0.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 10.0]];
    let mut file = "solid t\n".to_owned();
    for triangle in [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]] {
        file += "facet normal 0 0 0\nouter loop\n";
        for corner in triangle {
            let [x, y, z]: [f64; 3] = corners[corner];
            file += &format!("vertex {} {} {}\n", x * factor, y * factor, z * factor);
        }
        file += "endloop\nendfacet\n";
    }
    file + "endsolid\n"
}

pub struct Way {
    pub lab: TestLab,
    pub case: CaseToken,
}

impl Way {
    /// A case with one part, of which nothing is said.
    pub async fn new() -> Self {
        let lab = lab().await;
        let case = lab.post("/v1/cases", &json!({"intended_use": "diagnostic"})).await;
        let token = case.json()["token"].as_str().unwrap().to_owned();
        let part = lab.post(&format!("/v1/cases/{token}/parts"), &json!({"name": "left hand"})).await;
        assert_eq!(part.status, 201, "{part:?}");
        Self { lab, case: token.parse().unwrap() }
    }

    pub async fn ask(&self, path: &str, by: &str, mut body: Value) -> Answer {
        body["by"] = by.into();
        self.lab.post(path, &body).await
    }

    /// The same, which must succeed.
    pub async fn done(&self, path: &str, by: &str, body: Value) -> Value {
        let shown = body.to_string();
        let answer = self.ask(path, by, body).await;
        assert!(answer.status == 200 || answer.status == 201, "{path} {shown}: {answer:?}");
        if answer.status == 201 {
            let place = answer.header("location").unwrap_or_else(|| panic!("no Location: {answer:?}"));
            assert_eq!(self.lab.get(place).await.status, 200, "{place}");
        }
        answer.json()
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.lab.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub fn at(&self, below: &str) -> String {
        format!("/v1/cases/{}/{below}", self.case)
    }

    pub fn serial(&self, attempt: u32) -> String {
        format!("{}-1-{attempt}", self.case)
    }

    pub async fn case_step(&self, by: &str, body: Value) -> Value {
        self.done(&self.at("steps"), by, body).await
    }

    pub async fn part_step(&self, attempt: u32, by: &str, body: Value) -> Value {
        self.done(&format!("/v1/printed/{}/steps", self.serial(attempt)), by, body).await
    }

    pub async fn describe(&self) {
        let about = json!({"kind": "model", "service": "cardiac surgery", "indication": "DORV", "needed_by": "2099-12-24"});
        self.case_step("kim", json!({"is": "described", "about": about})).await;
        let about = json!({"kind": "component", "laterality": "left", "units": "mm"});
        self.done(&self.at("parts/1/steps"), "lee", json!({"is": "described", "about": about})).await;
    }

    pub async fn revise(&self, factor: f64) -> Value {
        let model = self.lab.send("POST", "/v1/models", "", model(factor).as_bytes()).await;
        assert_eq!(model.status, 201, "{model:?}");
        let revision = json!({"model": model.json()["model"]});
        self.done(&self.at("parts/1/steps"), "lee", json!({"is": "revised", "revision": revision})).await
    }

    pub async fn digest(&self, path: &str) -> Value {
        self.get(path).await["digest"].clone()
    }

    /// From nothing to a case that waits for its approval.
    pub async fn to_approval(&self) {
        self.describe().await;
        for (by, is) in [("kim", "requested"), ("lee", "accepted"), ("lee", "design_begun")] {
            self.case_step(by, json!({"is": is})).await;
        }
        self.revise(1.0).await;
        self.case_step("lee", json!({"is": "approval_asked"})).await;
    }

    /// The same to a case in production.
    pub async fn to_production(&self) {
        self.to_approval().await;
        let digest = self.digest(&self.at("to-sign?of=design")).await;
        self.case_step("kim", json!({"is": "approved", "digest": digest})).await;
        let made = json!({"is": "production_begun", "process": "mk3-pla", "validated_for": ["diagnostic"]});
        self.case_step("lee", made).await;
    }

    /// A job that has begun on a printer, and is printed to its end.
    pub async fn print(&self) -> String {
        let job = self.lab.job(&self.case, Some("mk3-01")).await;
        let (digest, commands) = {
            let file = self.lab.upload(GCODE).await.json();
            (file["digest"].as_str().unwrap().parse().unwrap(), file["commands"].as_u64().unwrap())
        };
        let printer = "mk3-01".parse().unwrap();
        let progress = Progress { confirmed: commands, total: commands };
        let recorder = &self.lab.recorder;
        for request in [
            Request::StartJob { job: job.clone(), printer },
            Request::NotePrinted { job: job.clone(), progress, digest, line: Box::default(), millis: 5 },
        ] {
            recorder.submit(request, Actor::Platen).await.unwrap();
        }
        let clear = Request::ClearBed { printer: "mk3-01".parse().unwrap(), by: "oli".into() };
        recorder.submit(clear, Actor::Person("oli".into())).await.unwrap();
        job.to_string()
    }

    /// What is measured, and with what.
    pub async fn template(&self) {
        let item = json!({"name": "length", "unit": "mm", "nominal": 10, "low": 9.8, "high": 10.2, "weight": "fail"});
        let wall =
            json!({"name": "wall", "unit": "mm", "nominal": 2, "low": 1.8, "high": 2.2, "weight": "flag"});
        let template = json!({"name": "hand", "method": "caliper", "items": [item, wall]});
        self.done("/v1/templates", "pat", template).await;
        let caliper = json!({"name": "caliper-1", "what": "caliper", "calibration_due": "2099-06-30"});
        self.done("/v1/instruments", "mo", caliper).await;
    }

    /// Measures a printed part: the inspection.
    pub async fn inspect(&self, attempt: u32, length: f64, looked_at: &[&str]) -> Value {
        let subject = json!({"of": "part", "serial": self.serial(attempt)});
        let measured = json!({"subject": subject, "template": "hand", "instrument": "caliper-1",
            "values": [length, 2.0], "looked_at": looked_at});
        self.done("/v1/inspections", "ina", measured).await
    }

    /// A printed part that is processed and waits for its inspection.
    pub async fn to_inspection(&self, attempt: u32) {
        self.part_step(attempt, "lee", json!({"is": "revision_attested", "revision": 1})).await;
        let processing = json!({"kind": "removal", "minutes": 5});
        self.part_step(attempt, "oli", json!({"is": "processed", "processing": processing})).await;
        self.part_step(attempt, "oli", json!({"is": "sent_to_inspection"})).await;
    }

    pub async fn accept(&self, attempt: u32) {
        let inspection = self.inspect(attempt, 10.0, &[]).await;
        self.part_step(attempt, "ina", json!({"is": "accepted", "inspection": inspection["id"]})).await;
    }

    pub async fn release_part(&self, attempt: u32) {
        let path = format!("/v1/printed/{}/to-sign", self.serial(attempt));
        let digest = self.digest(&path).await;
        self.part_step(attempt, "pat", json!({"is": "released", "digest": digest})).await;
    }

    /// From production to a released case with one printed part.
    pub async fn to_release(&self) {
        self.template().await;
        self.print().await;
        self.to_inspection(1).await;
        self.accept(1).await;
        self.case_step("lee", json!({"is": "qc_begun"})).await;
        self.release_part(1).await;
        let digest = self.digest(&self.at("to-sign?of=case")).await;
        self.case_step("pat", json!({"is": "released", "digest": digest})).await;
    }

    /// A lot that is released and loaded: its id.
    pub async fn lot(&self, expires: &str) -> String {
        let about = json!({"material": "PLA", "supplier_lot": "L-2231", "received": "2020-01-01",
            "expires": expires, "grams": 1000});
        let lot = self.done("/v1/lots", "sam", about).await;
        lot["id"].as_str().unwrap().to_owned()
    }
}
