//! The letter and the policy's page as others read them: a browser at two widths, and a mail reader that is not ours.
#![allow(clippy::unwrap_used)]

mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dr_ledger::{CheckKind, Event, RehearsalVerdict};
use dr_report::{Answer, Letter, eml, export, letter};
use world::{SYSTEMS, World, at};

const FRIDAY: &str = "2026-11-20T07:30";

/// Widths of a telephone and of a desk.
const WIDTHS: [u32; 2] = [390, 1000];

fn answer() -> Answer {
    Answer { code: "ABCDE-FGHJK".into(), until: at("2026-11-27T12:00") }
}

fn letters() -> Vec<(&'static str, Letter)> {
    let mut red = World::autumn();
    red.rehearse("2026-11-19T22:00", &SYSTEMS, RehearsalVerdict::Failed);
    let lost = Event::MediumLost { medium: world::medium("disk-1"), by: "elm".to_owned().try_into().unwrap() };
    red.add(at("2026-11-19T22:00"), lost);
    red.look("nas", None, None, None, CheckKind::Check, at("2026-11-19T23:00"), false);
    let write = |world: &World| letter(&world.given(FRIDAY), 47, Some(&answer())).unwrap();
    vec![("green", write(&World::autumn())), ("red", write(&red))]
}

#[expect(clippy::disallowed_methods, reason = "a browser is what the page is looked at with")]
fn program(name: &str) -> Command {
    Command::new(name)
}

/// The browser, by whichever of its names is here.
fn browser() -> String {
    let names = ["chromium", "google-chrome", "chromium-browser"];
    let works = |name: &&&str| program(name).arg("--version").output().is_ok_and(|out| out.status.success());
    let found = names.iter().find(works);
    (*found.expect("no browser: `cargo xtask test` installs one, or sudo apt-get install chromium")).to_owned()
}

/// Runs the browser on `page` with more arguments, in a profile of its own.
fn browse(folder: &Path, page: &Path, arguments: &[String]) -> String {
    let mut command = program(&browser());
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--disable-dev-shm-usage", "--hide-scrollbars", "--virtual-time-budget=10000"]);
    command.arg(format!("--user-data-dir={}", folder.join("profile").display())).args(arguments);
    let out = command.arg(format!("file://{}", page.display())).stderr(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "the browser ended with {}", out.status);
    String::from_utf8(out.stdout).unwrap()
}

/// The page inside frames of each width, with how wide and high it wants to be written beside them. The page itself has
/// no script.
fn framed(html: &str) -> String {
    let escaped = html.replace('&', "&amp;").replace('"', "&quot;");
    let frame = |width: &u32| {
        format!("<iframe style=\"width:{width}px;height:2400px;border:0\" srcdoc=\"{escaped}\"></iframe>")
    };
    let frames: String = WIDTHS.iter().map(frame).collect();
    format!(
        "<!doctype html><meta charset=utf-8><body style=\"margin:0;white-space:nowrap;background:#fff\">{frames}<script>
addEventListener('load', () => {{
  const sizes = [...document.querySelectorAll('iframe')].map(frame => {{
    const root = frame.contentDocument.documentElement;
    return root.scrollWidth + 'x' + frame.contentDocument.body.scrollHeight;
  }});
  document.body.dataset.sizes = sizes.join(' ');
}});
</script></body>"
    )
}

/// How wide and high the page wants to be in each of [`WIDTHS`].
fn sizes(dom: &str) -> Vec<(u32, u32)> {
    let sizes = dom.split("data-sizes=\"").nth(1).expect("the browser ran no script").split('"').next().unwrap();
    let size = |text: &str| text.split_once('x').map(|(w, h)| (w.parse().unwrap(), h.parse().unwrap())).unwrap();
    sizes.split(' ').map(size).collect()
}

/// How many rows of a picture are not all of one colour.
fn rows_with_something(picture: &Path) -> usize {
    let script = "
import sys, zlib, struct
data = open(sys.argv[1], 'rb').read()
assert data[:8] == b'\\x89PNG\\r\\n\\x1a\\n'
at, body, width, kind = 8, b'', 0, 0
while at < len(data):
    length, name = struct.unpack('>I4s', data[at:at + 8])
    if name == b'IHDR': width, kind = struct.unpack('>I', data[at + 8:at + 12])[0], data[at + 17]
    if name == b'IDAT': body += data[at + 8:at + 8 + length]
    at += 12 + length
channels = {2: 3, 6: 4}[kind]
raw, row, something = zlib.decompress(body), width * channels + 1, 0
# A row that differs from nothing above or left of it is all zeros after its filter, but for its first pixel.
for start in range(0, len(raw), row):
    if any(raw[start + 1 + channels:start + row]) and raw[start] in (1, 2, 3, 4): something += 1
print(something)
";
    let out = program("python3").args(["-c", script]).arg(picture).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().parse().unwrap()
}

/// A folder of this test's own, that the next run of it finds empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shown-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn looked_at(name: &str, html: &str) {
    let folder = folder(name);
    let page = folder.join("page.html");
    std::fs::write(&page, framed(html)).unwrap();
    let dom = browse(&folder, &page, &["--dump-dom".to_owned()]);
    for (width, (wanted, height)) in WIDTHS.into_iter().zip(sizes(&dom)) {
        assert!(wanted <= width, "{name}: {wanted} pixels wide at {width}");
        assert!(height > 400, "{name}: {height} pixels high at {width}");
    }
    let picture = folder.join("page.png");
    let arguments = ["--window-size=1400,2400".to_owned(), format!("--screenshot={}", picture.display())];
    browse(&folder, &page, &arguments);
    // It ends well and writes nothing on an error.
    assert!(picture.exists(), "{name}: the browser took no picture");
    let rows = rows_with_something(&picture);
    assert!(rows > 200, "{name}: only {rows} rows have something on them");
}

#[test]
fn the_letter_is_as_wide_as_a_telephone_and_a_desk_and_has_something_on_it() {
    for (name, letter) in letters() {
        looked_at(&format!("letter-{name}"), &letter.html);
    }
}

#[test]
fn the_policys_page_is_as_wide_as_a_telephone_and_a_desk_and_has_something_on_it() {
    let mut world = World::autumn();
    world.rehearse("2026-11-19T22:00", &["mis"], RehearsalVerdict::Failed);
    looked_at("export", &export(&world.given(FRIDAY)).html().unwrap());
}

#[test]
fn a_mail_reader_that_is_not_ours_reads_both_parts_and_finds_no_fault() {
    let script = "
import sys, json, email, email.policy
data = sys.stdin.buffer.read()
mail = email.message_from_bytes(data, policy=email.policy.default)
defects = [str(d) for part in mail.walk() for d in part.defects]
defects += [str(d) for part in mail.walk() for value in part.values() for d in getattr(value, 'defects', [])]
print(json.dumps({
    'subject': str(mail['subject']), 'from': str(mail['from']), 'id': str(mail['message-id']),
    'to': [a.addr_spec for a in mail['to'].addresses], 'names': [a.display_name for a in mail['to'].addresses],
    'date': mail['date'].datetime.isoformat(), 'type': mail.get_content_type(), 'defects': defects,
    'parts': [[p.get_content_type(), p.get_content().replace('\\r\\n', '\\n')] for p in mail.iter_parts()],
    'longest': max(len(line) for line in data.split(b'\\r\\n')), 'eight': any(b > 127 for b in data),
    'bare': data.replace(b'\\r\\n', b'').count(b'\\n'),
}))
";
    for (name, letter) in letters() {
        let to = ["\"A. Ash\" <head@hazelbank.example>".to_owned(), "oak@provider.example".to_owned()];
        let mail = eml(&letter, "dr@hazelbank.example", &to, "letter-47@hazelbank.example", at(FRIDAY)).unwrap();
        let mut child =
            program("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), &mail).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success());
        let read: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(read["subject"], letter.subject.as_str(), "{name}");
        assert_eq!(read["defects"], serde_json::json!([]), "{name}");
        assert_eq!(read["to"], serde_json::json!(["head@hazelbank.example", "oak@provider.example"]));
        assert_eq!(read["names"], serde_json::json!(["A. Ash", ""]));
        assert_eq!(
            (&read["id"], &read["date"]),
            (&"<letter-47@hazelbank.example>".into(), &"2026-11-20T07:30:00+00:00".into())
        );
        assert_eq!(read["type"], "multipart/alternative");
        let parts = serde_json::json!([["text/plain", letter.text], ["text/html", letter.html]]);
        assert_eq!(read["parts"], parts, "{name}");
        assert!(read["longest"].as_u64().unwrap() <= 998, "{name}: {}", read["longest"]);
        assert_eq!((&read["eight"], &read["bare"]), (&false.into(), &0.into()), "{name}");
    }
}
