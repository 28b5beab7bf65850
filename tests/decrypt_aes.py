#!/usr/bin/env python3
# Decrypts one file of cipher aes-256-gcm (docs/format.md, section 12) without nex_backup:
#   decrypt_aes.py KEY_FILE < file.nxb > file       Debian's python3-cryptography is enough
import base64, hashlib, hmac, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

def hkdf(secret, salt, info):
    return HKDF(SHA256(), 32, salt or None, info).derive(secret)

def b64(text):
    return base64.b64decode(text + b"=" * (-len(text) % 4))

def bech32(text):  # the 32 bytes of AGE-SECRET-KEY-1…
    digits = text.lower().rsplit("1", 1)[1][:-6]
    bits = "".join(format("qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(c), "05b") for c in digits)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, 256, 8))

secret = open(sys.argv[1], "rb").read()
passphrase = secret.removesuffix(b"\n").removesuffix(b"\r")
lines = [line.strip() for line in secret.splitlines() if line.strip() and line[:1] != b"#"]
keys = [secret] if len(secret) == 32 else lines
data = sys.stdin.buffer.read()
end = data.index(b"\n--- ") + 1
lines = data[:end].splitlines()
header = data[:data.index(b"\n", end) + 1]
assert lines[0] == b"nex-backup-encryption/1 aes-256-gcm"

def wrapping_keys(kind, value, log_n=b"18"):
    if kind in (b"scrypt", b"passphrase"):
        key = Scrypt(b64(value)[:16], 32, 1 << int(log_n), 8, 1).derive(passphrase)
        yield key if kind == b"scrypt" else hkdf(key, b64(value)[16:], b"nex_backup/1 passphrase")
    for key in keys:
        if kind == b"X25519" and key.startswith(b"AGE-SECRET-KEY-1"):
            own = x25519.X25519PrivateKey.from_private_bytes(bech32(key.decode()))
            public = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            shared = own.exchange(x25519.X25519PublicKey.from_public_bytes(b64(value)))
            yield hkdf(shared, b64(value) + public, b"nex_backup/1 X25519")
        elif kind == b"key-file" and len(key) in (32, 43, 44, 64):  # raw, base64, hex digits
            raw = {32: bytes, 64: lambda text: bytes.fromhex(text.decode())}.get(len(key), b64)(key)
            yield hkdf(raw, b64(value), b"nex_backup/1 key-file")

data_key = None
for stanza, wrapped in zip(lines[1::2], lines[2::2]):
    for wrap in wrapping_keys(*stanza.split()[1:]):
        try:
            data_key = AESGCM(wrap).decrypt(bytes(12), b64(wrapped), None)
        except InvalidTag:
            continue
assert data_key is not None, "the key in " + sys.argv[1] + " does not open it"
mac = hmac.new(hkdf(data_key, b"", b"nex_backup/1 header"), data[:end], "sha256").digest()
assert hmac.compare_digest(mac, b64(header[end + 4:-1])), "the header was changed"
payload = data[len(header):]
assert payload[0] == 40
gcm = AESGCM(hkdf(data_key, payload[1:33], hashlib.sha256(header).digest()))
at, number = 40, 0
while number == 0 or at < len(payload):
    size = 65536 - (40 if number == 0 else 0)
    last = at + size >= len(payload)
    nonce = payload[33:40] + number.to_bytes(4, "big") + bytes([last])
    sys.stdout.buffer.write(gcm.decrypt(nonce, payload[at:at + size], None))
    at, number = at + size, number + 1
# end
