"""A mail server, a web server, certificates and a reader of mail for the tests of dr-post.

    servers.py certificates FOLDER          a test authority, and certificates of it: good, expired, for another name
    servers.py mail FOLDER [key=value ...]  tls=none|start|wrap  cert=NAME  login=PLAIN,LOGIN|XOAUTH2  port=N
    servers.py web FOLDER [port=N]
    servers.py read FILE ...                what mails hold, by Python's own parser, as JSON, one a line

A server prints its port in one line and then keeps everything it gets in FOLDER. How it behaves stands in
FOLDER/behaviour, which is read anew for each request.
"""

import asyncio
import datetime
import email
import email.policy
import http.server
import ipaddress
import json
import os
import ssl
import sys
from pathlib import Path

USER, PASSWORD, TOKEN = "dr", "kestrel-9-pepper", "ya29.kestrel-token"


def certificates(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def write(file, key, certificate):
        pem, text = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        (folder / f"{file}.key").write_bytes(key.private_bytes(pem, text, serialization.NoEncryption()))
        (folder / f"{file}.pem").write_bytes(certificate.public_bytes(pem))

    authority = ec.generate_private_key(ec.SECP256R1())
    root = (
        x509.CertificateBuilder()
        .subject_name(name("Test authority")).issuer_name(name("Test authority"))
        .public_key(authority.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * day).not_valid_after(now + 10 * day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    write("ca", authority, root)
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    for file, names, until in [
        ("good", here, now + 5 * day),
        ("expired", here, now - day),
        ("elsewhere", [x509.DNSName("mail.school.example")], now + 5 * day),
    ]:
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            x509.CertificateBuilder()
            .subject_name(name(file)).issuer_name(name("Test authority"))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - 9 * day).not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
            .sign(authority, hashes.SHA256())
        )
        write(file, key, made)


def behaviour(folder):
    try:
        return (folder / "behaviour").read_text().split()
    except FileNotFoundError:
        return []


def keep(folder, number, name, content):
    """Whole or not at all, so that a test that looks early sees nothing rather than half."""
    new = folder / f".{number}.{name}"
    new.write_bytes(content)
    os.replace(new, folder / f"{number:04}.{name}")


def mail(folder, options):
    from aiosmtpd.smtp import SMTP, AuthResult

    class Handler:
        count = 0

        async def handle_MAIL(self, server, session, envelope, address, mail_options):
            if "full" in behaviour(folder):
                return "452 4.3.1 Insufficient system storage"
            if "relay-denied" in behaviour(folder):
                return "550 5.7.1 relaying denied for secret-host.example"
            envelope.mail_from = address
            return "250 OK"

        async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
            for word in behaviour(folder):
                what, _, whom = word.partition(":")
                if whom and whom == address:
                    return {"refuse": "550 5.1.1 no such user secret-host.example", "later": "450 4.2.0 greylisted"}[what]
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server, session, envelope):
            words = behaviour(folder)
            if "hang-up" in words:
                server.transport.abort()
                return "421 gone"
            if "refuse-content" in words:
                return "554 5.6.0 not liked"
            Handler.count += 1
            number = len(list(folder.glob("*.eml"))) + 1
            meta = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "login": str(session.auth_data or ""),
                    "encrypted": server.transport.get_extra_info("ssl_object") is not None, "hello": session.host_name}
            keep(folder, number, "json", json.dumps(meta).encode())
            keep(folder, number, "eml", envelope.original_content)
            if "keep-and-hang-up" in words:
                server.transport.abort()
            return "250 OK"

        async def auth_XOAUTH2(self, server, args):
            import base64
            said = base64.b64decode(args[1]) if len(args) > 1 else await server.challenge_auth("")
            if said == f"user={USER}\x01auth=Bearer {TOKEN}\x01\x01".encode():
                return AuthResult(success=True, auth_data="XOAUTH2")
            # What the big providers do: an error in base64 as a question, which the client answers with nothing.
            await server.challenge_auth(b'{"status":"400","schemes":"bearer"}')
            return AuthResult(success=False, handled=False)

    def authenticator(server, session, envelope, mechanism, data):
        good = data.login == USER.encode() and data.password == PASSWORD.encode()
        return AuthResult(success=good, handled=False, auth_data=mechanism)

    how, logins = options.get("tls", "none"), options.get("login", "")
    context = None
    if how != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = Path(options["certificates"]) / options.get("cert", "good")
        context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")

    def session():
        server = SMTP(
            Handler(), hostname="secret-host.example", loop=asyncio.get_running_loop(), decode_data=False,
            tls_context=context if how == "start" else None, require_starttls=how == "start",
            authenticator=authenticator if logins else None, auth_required=bool(logins),
            auth_require_tls=how == "start",
            auth_exclude_mechanism=[m for m in ("PLAIN", "LOGIN", "XOAUTH2") if m not in logins.split(",")],
        )
        if "silent" in behaviour(folder):
            server.connection_made = lambda transport: None
        return server

    async def serve():
        server = await asyncio.get_running_loop().create_server(
            session, "127.0.0.1", int(options.get("port", 0)), ssl=context if how == "wrap" else None)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


def web(folder, options):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            words = behaviour(folder)
            if "hang-up" in words:
                self.close_connection = True
                return
            status = next((int(word) for word in words if word.isdigit()), 200)
            if status == 200:
                number = len(list(folder.glob("*.json"))) + 1
                got = {"path": self.path, "type": self.headers.get("Content-Type"), "body": body.decode()}
                keep(folder, number, "json", json.dumps(got).encode())
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(options.get("port", 0))), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def read(file):
    raw = file.read_bytes()
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    parts = [part for part in parsed.walk() if not part.is_multipart()]
    print(json.dumps({
        "headers": {key.lower(): str(value) for key, value in parsed.items()},
        "date": parsed["date"].datetime.timestamp(),
        "type": parsed.get_content_type(),
        "parts": [{"type": part.get_content_type(), "text": part.get_content(),
                   "encoding": part.get("content-transfer-encoding")} for part in parts],
        "defects": [repr(defect) for part in parsed.walk() for defect in part.defects]
        + [repr(defect) for header in parsed.values() for defect in getattr(header, "defects", [])],
        "longest": max(len(line) for line in raw.split(b"\r\n")),
        "eight_bit": sum(byte > 127 for byte in raw),
        "bare_line_ends": raw.replace(b"\r\n", b"").count(b"\n") + raw.replace(b"\r\n", b"").count(b"\r"),
    }))


if __name__ == "__main__":
    what, where = sys.argv[1], Path(sys.argv[2])
    if what == "read":
        for name in sys.argv[2:]:
            read(Path(name))
    elif what == "certificates":
        certificates(where)
    else:
        rest = dict(word.split("=", 1) for word in sys.argv[3:])
        {"mail": mail, "web": web}[what](where, rest)
