#!/usr/bin/env python3
"""Walks one real client of OctoPrint, PrusaLink or Moonraker through platen, as their users do.

connect, a wrong key refused, a file without a case (waits for somebody, prints nothing), a file with its case
(becomes a job and prints), watch, pause, resume, cancel. Every surprise ends it with a sentence and code 1.

    clients.py --client octorest --url http://127.0.0.1:7180 --key platen_... --printer mk --case TOKEN --part 1 \
        --gcode FILE
"""

import argparse
import asyncio
import inspect
import json
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
from urllib.parse import urlsplit, urlunsplit

# What asks this machine asks nobody in between.
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ["NO_PROXY"] = "*"

import aiohttp  # noqa: E402
import httpx  # noqa: E402
import moonraker_api  # noqa: E402
import octorest  # noqa: E402
import PrusaLinkPy  # noqa: E402
import pyoctoprintapi  # noqa: E402
import pyprusalink  # noqa: E402
import requests  # noqa: E402
from pyoctoprintapi.exceptions import UnauthorizedException  # noqa: E402
from pyprusalink.types import InvalidAuth  # noqa: E402

BOUND = 90.0
LOOK_AGAIN = 0.05
WRONG = "platen_0000000000000_" + "0" * 64
STATES = {"IDLE", "BUSY", "PRINTING", "PAUSED", "FINISHED", "STOPPED", "ERROR", "ATTENTION", "READY"}


class Surprise(Exception):
    """What was not expected, as a sentence."""


def expect(holds, sentence):
    if not holds:
        raise Surprise(sentence)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


async def settled(value):
    return await value if inspect.isawaitable(value) else value


async def until(what, look):
    """Looks until there is something to see."""
    deadline = time.monotonic() + BOUND
    last = None
    while True:
        found, last = await settled(look())
        if found:
            return last
        if time.monotonic() >= deadline:
            raise Surprise(f"not within {BOUND:.0f} s: {what}; last seen: {last}")
        await asyncio.sleep(LOOK_AGAIN)


class Native:
    """platen's own API: what the lab's people see of what the client does."""

    def __init__(self, url, key):
        self.url, self.key = url, key
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path):
        asked = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.key}"})
        with self.opener.open(asked, timeout=BOUND) as answer:
            return json.load(answer)

    def uploads(self):
        listed = self.get("/v1/uploads")
        listed = listed if isinstance(listed, list) else listed["uploads"]
        return {upload["id"]: upload for upload in listed}

    def jobs(self):
        return {job["id"]: job for job in self.get("/v1/jobs")}

    def job(self, id):
        return self.get(f"/v1/jobs/{id}")


class Client:
    """One way of talking to platen; every method may be a coroutine."""

    def __init__(self, args):
        self.args = args
        self.step = "begins"
        self.prefix = f"/p/{args.printer}"
        self.base = args.url + self.prefix

    async def open(self):
        """Makes what the client needs."""

    async def close(self):
        """Gives it back."""

    async def print_by_name(self, sent):
        """For clients whose upload cannot ask for a print: asks for it afterwards."""


def prefixed(prefix):
    """A session for octorest, which drops the path of its address."""

    class Prefixed(requests.Session):
        def request(self, method, url, **more):
            parts = urlsplit(url)
            return super().request(method, urlunsplit(parts._replace(path=prefix + parts.path)), **more)

    return Prefixed()


class OctoRest(Client):
    """octorest, for scripts. Its upload sends the file and nothing else, so the case is in the address."""

    def make(self, key, more=""):
        return octorest.OctoRest(url=self.args.url, apikey=key, session=prefixed(self.prefix + more))

    def connect(self):
        self.it = self.make(self.args.key)
        version = self.it.version
        expect(isinstance(version["api"], str), f"`api` of /api/version is no text: {version}")
        expect(version["text"].startswith("OctoPrint"), f"`text` does not begin with OctoPrint: {version}")
        expect(re.fullmatch(r"\d+(\.\d+)+", version["server"]), f"octorest cannot read `server`: {version}")
        expect(isinstance(self.it.state(), str), "the state of the connection is no text")
        profiles = self.it._get("/api/printerprofiles")["profiles"]
        expect(any(profile.get("current") for profile in profiles.values()), f"no current profile: {profiles}")

    def refuse(self):
        try:
            self.make(WRONG)
        except RuntimeError as error:
            expect(re.search(r"\((401|403)\)$", str(error)), f"a wrong key is answered: {error}")
            return
        raise Surprise("a wrong key is taken")

    def upload(self, file, carried):
        place = f"/c/{self.args.case}/{self.args.part}" if carried else ""
        answer = self.make(self.args.key, place).upload(file)
        local = answer["files"]["local"]
        for field in ("name", "path", "origin"):
            expect(isinstance(local[field], str), f"`{field}` of the upload's answer is no text: {answer}")
        expect(local["origin"] == "local", f"`origin` is not local: {answer}")
        expect(answer["done"] is True, f"`done` is not true: {answer}")
        return local["path"]

    def print_by_name(self, sent):
        try:
            self.it.select(sent, print=True)
        except RuntimeError as error:
            # What has no case is not printed, and may be said so.
            expect(re.search(r"\((404|409)\)$", str(error)), f"a print by name is answered: {error}")

    def flags(self):
        return self.it.printer()["state"]["flags"]

    def idle(self):
        answer = self.it.session.get(f"{self.args.url}/api/printer")
        if answer.status_code == 409:
            return False, "offline"
        flags = self.flags()
        return flags["operational"] and not flags["printing"] and not flags["paused"], flags

    def printing(self):
        flags, job = self.flags(), self.it.job_info()
        return flags["printing"] and job["state"].startswith("Printing"), (flags, job)

    def paused(self):
        flags, job = self.flags(), self.it.job_info()
        return flags["paused"] and not flags["printing"] and job["state"] == "Paused", (flags, job)

    def watch(self):
        tool = self.it.printer(exclude=["sd"])["temperature"]["tool0"]
        expect(is_number(tool["actual"]) and is_number(tool["target"]), f"tool0 has no temperatures: {tool}")
        progress = self.it.job_info()["progress"]
        expect("printTime" in progress and "printTimeLeft" in progress, f"no times: {progress}")
        done = progress["completion"]
        expect(done is None or 0 <= done <= 100, f"`completion` is no percentage: {progress}")
        return bool(done), progress

    def pause(self):
        self.it.pause()

    def resume(self):
        self.it.resume()

    def cancel(self):
        self.it.cancel()

    def too_late(self):
        try:
            self.it.cancel()
        except RuntimeError as error:
            expect("(409)" in str(error), f"a cancel of nothing is answered: {error}")
            return
        raise Surprise("a cancel of nothing is taken")


class HomeAssistantOctoPrint(Client):
    """pyoctoprintapi, which Home Assistant watches with; files go as a form whose fields follow the file."""

    def make(self, key):
        parts = urlsplit(self.args.url)
        made = pyoctoprintapi.OctoprintClient(
            host=parts.hostname, port=parts.port, session=self.session, path=f"{self.prefix}/"
        )
        made.set_api_key(key)
        return made

    async def open(self):
        self.session = aiohttp.ClientSession()

    async def close(self):
        await self.session.close()

    async def connect(self):
        self.it = self.make(self.args.key)
        expect((await self.it.get_server_info()).version, "/api/server tells no version")
        discovery = await self.it.get_discovery_info()
        tracking = await self.it.get_tracking_info()
        known = (discovery and discovery.upnp_uuid) or (tracking and tracking.unique_id)
        expect(isinstance(known, str) and known, "/api/settings has nothing to know the printer by")
        camera = await self.it.get_webcam_info()
        if camera is not None:
            expect(camera.enabled in (True, False), "webcam.webcamEnabled is no yes or no")
            expect(isinstance(camera.stream_url, str), "webcam.streamUrl is no text")
            expect(isinstance(camera.external_snapshot_url, str), "webcam.streamUrl is no address")

    async def refuse(self):
        wrong = self.make(WRONG)
        for what in (wrong.get_printer_info, wrong.get_job_info, wrong.get_server_info):
            try:
                await what()
            except UnauthorizedException:
                continue
            raise Surprise(f"a wrong key is taken by {what.__name__}")

    async def upload(self, file, carried):
        form = aiohttp.FormData()
        with open(file, "rb") as content:
            form.add_field("file", content, filename=os.path.basename(file), content_type="text/x.gcode")
            form.add_field("select", "true")
            form.add_field("print", "true")
            if carried:
                form.add_field("userdata", json.dumps({"case": self.args.case, "part": int(self.args.part)}))
            headers = {"X-Api-Key": self.args.key}
            async with self.session.post(f"{self.base}/api/files/local", data=form, headers=headers) as answer:
                text = await answer.text()
                expect(answer.status == 201, f"an upload is answered {answer.status}: {text}")
                expect("/api/files/local/" in answer.headers.get("Location", ""), "no Location of the file")
                told = json.loads(text)
                expect(isinstance(told["effectivePrint"], bool), f"no `effectivePrint`: {told}")
                expect(carried or told["effectivePrint"] is False, f"it says that it prints: {told}")
                return told["files"]["local"]["path"]

    async def flags(self):
        return (await self.it.get_printer_info()).state.flags

    async def idle(self):
        try:
            flags = await self.flags()
        except pyoctoprintapi.PrinterOffline:
            return False, "offline"
        for flag in ("operational", "printing", "paused", "pausing", "cancelling", "error", "ready"):
            expect(isinstance(getattr(flags, flag), bool), f"the flag {flag} is no yes or no")
        expect(isinstance(flags.closed_or_error, bool), "the flag closedOrError is no yes or no")
        return flags.operational and not flags.printing and not flags.paused, flags._raw

    async def printing(self):
        flags, job = await self.flags(), await self.it.get_job_info()
        return flags.printing and job.state.startswith("Printing"), (flags._raw, job._raw)

    async def paused(self):
        flags, job = await self.flags(), await self.it.get_job_info()
        return flags.paused and not flags.printing and job.state == "Paused", (flags._raw, job._raw)

    async def watch(self):
        printer = await self.it.get_printer_info()
        tools = {tool.name: tool for tool in printer.temperatures}
        for name in ("tool0", "bed"):
            expect(is_number(round(tools[name].actual_temp, 2)), f"{name} has no temperature")
            expect(is_number(round(tools[name].target_temp, 2)), f"{name} has no target")
        job = await self.it.get_job_info()
        done = job.progress.completion
        expect(done is None or 0 <= done <= 100, f"`completion` is no percentage: {job._raw}")
        expect(isinstance(job.job.file.name, str), f"the job has no file's name: {job._raw}")
        return bool(done), job._raw

    async def pause(self):
        await self.it.pause_job()

    async def resume(self):
        await self.it.resume_job()

    async def cancel(self):
        await self.it.cancel_job()

    async def too_late(self):
        try:
            await self.it.cancel_job()
        except pyoctoprintapi.ApiError:
            return
        raise Surprise("a cancel of nothing is taken")


class Heard(moonraker_api.MoonrakerListener):
    def __init__(self):
        self.methods = []

    async def on_notification(self, method, data):
        self.methods.append(method)


class Moonraker(Client):
    """moonraker-api, which Home Assistant watches with; files go as from Mainsail."""

    QUERY = {
        "print_stats": None,
        "virtual_sdcard": ["progress", "is_active"],
        "display_status": None,
        "extruder": ["temperature", "target"],
        "heater_bed": ["temperature", "target"],
        "webhooks": None,
        "no_such_object": None,
    }

    def make(self, key, heard):
        parts = urlsplit(self.args.url)
        return moonraker_api.MoonrakerClient(
            heard, parts.hostname, parts.port, route_prefix=self.prefix, api_key=key, timeout=30,
            session=self.session,
        )

    async def open(self):
        self.session = aiohttp.ClientSession()
        self.heard = Heard()
        self.it = None

    async def close(self):
        if self.it is not None:
            await self.it.disconnect()
        await self.session.close()

    async def call(self, method, **params):
        told = await self.it.call_method(method, **params)
        expect(not (isinstance(told, dict) and "error" in told), f"{method} is answered {told}")
        return told

    async def connect(self):
        self.it = self.make(self.args.key, self.heard)
        expect(await self.it.connect(), "the websocket is not open")
        info = await self.it.get_host_info()
        expect(isinstance(info["hostname"], str), f"printer.info has no hostname: {info}")
        expect(isinstance(info["state"], str), f"printer.info has no state: {info}")
        server = await self.it.get_server_info()
        expect(isinstance(server["moonraker_version"], str), f"server.info has no version: {server}")
        expect(isinstance(server["components"], list), f"server.info has no components: {server}")

        async def modules():
            told = await self.it.get_supported_modules()
            return {"print_stats", "extruder", "virtual_sdcard"} <= set(told), told

        await until("the objects are listed", modules)
        asked = {"objects": {"print_stats": None, "virtual_sdcard": None, "extruder": None}}
        told = await self.call("printer.objects.subscribe", **asked)
        expect(is_number(told["eventtime"]), f"no eventtime: {told}")
        told = await self.it.call_method("no.such.method")
        expect(told.get("error", {}).get("code") == -32601, f"a method that is not there is answered {told}")

    async def refuse(self):
        wrong = self.make(WRONG, Heard())
        try:
            await wrong.connect()
        except moonraker_api.ClientNotAuthenticatedError:
            await wrong.disconnect()
        else:
            raise Surprise("a wrong key is taken")
        form = aiohttp.FormData()
        form.add_field("file", b"G28\n", filename="a.gcode")
        headers = {"X-Api-Key": WRONG}
        async with self.session.post(f"{self.base}/server/files/upload", data=form, headers=headers) as answer:
            expect(answer.status == 401, f"an upload with a wrong key is answered {answer.status}")

    async def upload(self, file, carried):
        form = aiohttp.FormData()
        with open(file, "rb") as content:
            form.add_field("root", "gcodes")
            if carried:
                form.add_field("path", f"{self.args.case}/{self.args.part}")
            form.add_field("print", "true")
            form.add_field("file", content, filename=os.path.basename(file))
            headers = {"X-Api-Key": self.args.key}
            async with self.session.post(
                f"{self.base}/server/files/upload", data=form, headers=headers
            ) as answer:
                text = await answer.text()
                expect(answer.status == 201, f"an upload is answered {answer.status}: {text}")
                told = json.loads(text)
                told = told.get("result", told)
                expect(told["item"]["root"] == "gcodes", f"the root is another one: {told}")
                expect(isinstance(told["print_started"], bool), f"no `print_started`: {told}")
                expect(carried or told["print_started"] is False, f"it says that it prints: {told}")
                return told["item"]["path"]

    async def status(self):
        told = await self.call("printer.objects.query", objects=self.QUERY)
        expect(is_number(told["eventtime"]), f"no eventtime: {told}")
        expect("no_such_object" not in told["status"], f"an object that is not there is told: {told}")
        stats = told["status"]["print_stats"]
        expect(isinstance(stats["filename"], str), f"the file's name is no text: {stats}")
        expect(is_number(stats["print_duration"]), f"the duration is no number: {stats}")
        return told["status"]

    async def state_is(self, states):
        status = await self.status()
        return status["print_stats"]["state"] in states, status["print_stats"]

    async def idle(self):
        if await self.it.get_klipper_status() != "ready":
            return False, "not ready"
        return await self.state_is({"standby", "complete", "cancelled"})

    async def printing(self):
        return await self.state_is({"printing"})

    async def paused(self):
        return await self.state_is({"paused"})

    async def watch(self):
        status = await self.status()
        for heater in ("extruder", "heater_bed"):
            told = status[heater]
            expect(is_number(told["temperature"]) and is_number(told["target"]), f"{heater}: {told}")
        done = status["virtual_sdcard"]["progress"]
        expect(is_number(done) and 0 <= done <= 1, f"the progress is no part of 1: {done}")
        return done > 0 and "notify_status_update" in self.heard.methods, (done, self.heard.methods[-5:])

    async def order(self, verb):
        told = await self.call(f"printer.print.{verb}")
        expect(told == "ok", f"{verb} is answered {told}")

    async def pause(self):
        await self.order("pause")

    async def resume(self):
        await self.order("resume")

    async def cancel(self):
        await self.order("cancel")

    async def too_late(self):
        told = await self.it.call_method("printer.print.pause")
        expect(isinstance(told, dict) and "error" in told, f"a pause of nothing is answered {told}")


class PrusaLink(Client):
    """pyprusalink by digest, which Home Assistant watches with, and PrusaLinkPy by key, which sends."""

    def make(self, password):
        return pyprusalink.PrusaLink(self.http, self.base, "maker", password)

    def by_key(self, key):
        parts = urlsplit(self.args.url)
        # It puts host, port and path together as they are.
        return PrusaLinkPy.PrusaLinkPy(parts.hostname, key, port=f"{parts.port}{self.prefix}")

    async def open(self):
        self.http = httpx.AsyncClient(trust_env=False, timeout=BOUND)

    async def close(self):
        await self.http.aclose()

    async def connect(self):
        bare = await self.http.get(f"{self.base}/api/v1/status")
        challenge = bare.headers.get("www-authenticate", "")
        expect(bare.status_code == 401 and challenge.startswith("Digest "), f"no challenge: {bare.status_code}")
        self.it = self.make(self.args.key)
        version = await self.it.get_version()
        major = int(version["api"].split(".")[0])
        expect(major >= 2, f"Home Assistant takes PrusaLink from api 2.0.0 on: {version}")
        expect(isinstance(version["hostname"], str), f"no hostname: {version}")
        expect(re.match("PrusaLink|OctoPrint", version["text"]), f"no PrusaLink: {version}")
        info = await self.it.get_info()
        expect(isinstance(info["serial"], str) and info["serial"], f"no serial: {info}")
        nozzle = info["nozzle_diameter"]
        expect(nozzle is None or is_number(nozzle), f"the nozzle is no number: {info}")
        storage = await self.it.get_storage()
        writable = [one for one in storage if one["available"] and not one.get("read_only")]
        expect(writable and all(one["path"].startswith("/") for one in writable), f"no storage: {storage}")
        expect(all(one["free_space"] > 0 for one in writable), f"no space: {storage}")
        legacy = await self.it.get_legacy_printer()
        expect(legacy.get("telemetry") is None or "material" in legacy["telemetry"], f"no material: {legacy}")
        expect(await self.it.get_job() is None, "there is a job before anything was sent")
        expect(await self.it.get_transfer() is None, "there is a transfer before anything was sent")
        key = self.by_key(self.args.key)
        for what in (key.get_version, key.get_printer, key.get_status, key.get_storage):
            answer = what()
            expect(answer.status_code == 200, f"{what.__name__} by key is answered {answer.status_code}")

    async def refuse(self):
        wrong = self.make(WRONG)
        for what in (wrong.get_version, wrong.get_status):
            try:
                await what()
            except InvalidAuth:
                continue
            raise Surprise(f"a wrong password is taken by {what.__name__}")
        answer = self.by_key(WRONG).get_status()
        expect(answer.status_code in (401, 403), f"a wrong key is answered {answer.status_code}")

    async def upload(self, file, carried):
        name = os.path.basename(file)
        if not carried:
            answer = self.by_key(self.args.key).put_gcode(file, name, printAfterUpload=True, overwrite=True)
            expect(answer.status_code == 201, f"an upload is answered {answer.status_code}: {answer.text}")
            return name
        with open(file, "rb") as content:
            whole = content.read()
        path = f"{self.args.case}/{self.args.part}/{name}"
        answer = await self.http.put(
            f"{self.base}/api/v1/files/local/{path}", content=whole, auth=self.it.client._auth,
            headers={"Content-Type": "text/x.gcode", "Overwrite": "?1", "Print-After-Upload": "?1"},
        )
        expect(answer.status_code == 201, f"an upload is answered {answer.status_code}: {answer.text}")
        return path

    async def status(self):
        status = await self.it.get_status()
        printer = status["printer"]
        expect(printer["state"] in STATES, f"PrusaLink has no such state: {printer}")
        for field in ("temp_nozzle", "target_nozzle", "temp_bed", "target_bed", "axis_z", "speed", "flow",
                      "fan_hotend", "fan_print"):
            value = printer[field]
            expect(value is None or is_number(value), f"{field} is no number: {printer}")
        return status

    async def idle(self):
        status = await self.status()
        return status["printer"]["state"] in {"IDLE", "READY", "FINISHED", "STOPPED", "ATTENTION"}, status

    async def printing(self):
        status = await self.status()
        return status["printer"]["state"] == "PRINTING", status

    async def paused(self):
        status = await self.status()
        return status["printer"]["state"] == "PAUSED", status

    async def watch(self):
        printer = (await self.status())["printer"]
        expect(is_number(printer["temp_nozzle"]) and is_number(printer["temp_bed"]), f"no heat: {printer}")
        job = await self.it.get_job()
        expect(isinstance(job["id"], int), f"the job's id is no number: {job}")
        expect(isinstance(job["time_printing"], int), f"no time: {job}")
        expect("time_remaining" in job, f"no time left: {job}")
        expect(job["file"] is None or isinstance(job["file"]["display_name"], str), f"no name: {job}")
        expect(is_number(job["progress"]) and 0 <= job["progress"] <= 100, f"no percentage: {job}")
        self.id = job["id"]
        return job["progress"] > 0, job

    async def pause(self):
        await self.it.pause_job(self.id)

    async def resume(self):
        await self.it.resume_job(self.id)

    async def cancel(self):
        await self.it.cancel_job(self.id)

    async def too_late(self):
        try:
            await self.it.cancel_job(self.id)
        except (pyprusalink.types.Conflict, pyprusalink.types.NotFound):
            return
        raise Surprise("a cancel of nothing is taken")


CLIENTS = {
    "octorest": OctoRest,
    "pyoctoprintapi": HomeAssistantOctoPrint,
    "moonraker": Moonraker,
    "prusalink": PrusaLink,
}


def fresh(native, known):
    new = [upload for id, upload in native.uploads().items() if id not in known]
    return len(new) == 1, new[0] if len(new) == 1 else new


async def sent_without_case(client, native, file):
    known, jobs = set(native.uploads()), set(native.jobs())
    sent = await settled(client.upload(file, False))
    upload = await until("the file without a case is listed", lambda: fresh(native, known))
    await settled(client.print_by_name(sent))
    upload = native.uploads()[upload["id"]]
    expect(upload["state"] == "unassigned", f"a file without a case is not unassigned: {upload}")
    expect(set(native.jobs()) == jobs, "a file without a case has become a job")
    idle, seen = await settled(client.idle())
    expect(idle, f"a file without a case prints: {seen}")


async def sent_with_case(client, native, file):
    known = set(native.uploads())
    sent = await settled(client.upload(file, True))
    upload = await until("the file with its case is listed", lambda: fresh(native, known))
    if upload["state"] == "unassigned":
        await settled(client.print_by_name(sent))

    def queued():
        seen = native.uploads()[upload["id"]]
        return seen["state"] == "queued" and bool(seen.get("job")), seen

    job = (await until("the file with its case is a job", queued))["job"]
    told = native.job(job)
    expect(client.args.case in json.dumps(told), f"the job is of another case: {told}")
    return job


async def walk(client, native):
    def job_is(state):
        seen = native.job(job)
        return seen["state"] == state, seen

    def say(step):
        client.step = step
        print(f"{client.args.client}: {step}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("without-case.gcode", "with-case.gcode")]
        for file in files:
            shutil.copyfile(client.args.gcode, file)
        say("connects")
        await settled(client.connect())
        say("is refused with a wrong key")
        await settled(client.refuse())
        await until("the printer is idle", client.idle)
        say("sends a file without a case")
        await sent_without_case(client, native, files[0])
        say("sends a file with its case")
        job = await sent_with_case(client, native, files[1])
        await until("it prints", client.printing)
        await until("the job is printing", lambda: job_is("printing"))
        say("watches")
        await until("there is progress", client.watch)
        say("pauses")
        await settled(client.pause())
        await until("it is paused", client.paused)
        await until("the job is paused", lambda: job_is("paused"))
        say("resumes")
        await settled(client.resume())
        await until("it prints again", client.printing)
        await until("the job is printing again", lambda: job_is("printing"))
        say("cancels")
        await settled(client.cancel())
        await until("the job is cancelled", lambda: job_is("cancelled"))
        await until("it prints no more", client.idle)
        await settled(client.too_late())
        say("is done")


async def run(args):
    client, native = CLIENTS[args.client](args), Native(args.url, args.key)
    await client.open()
    try:
        await walk(client, native)
    except urllib.error.HTTPError as error:
        raise Surprise(f"{client.step}: platen's own API: {error}: {error.read()[:500]!r}") from error
    except Surprise as surprise:
        raise Surprise(f"{client.step}: {surprise}") from surprise
    except Exception as error:
        # What a client makes of an answer that it cannot read.
        traceback.print_exc()
        raise Surprise(f"{client.step}: {type(error).__name__}: {error}") from error
    finally:
        await client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", required=True, choices=sorted(CLIENTS))
    for name in ("url", "key", "printer", "case", "part", "gcode"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    args.url = args.url.rstrip("/")
    try:
        asyncio.run(run(args))
    except Surprise as surprise:
        print(f"{args.client}: {surprise}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
