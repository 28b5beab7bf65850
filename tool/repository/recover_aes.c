/*-------------------------------------------------------------------------
 *
 * recover_aes.c
 *	  The decryptor that RECOVER.txt of a repository with cipher aes-256-gcm
 *	  carries, as no stock program knows that format.
 *
 * The same text as tests/decrypt_aes.py, which a test compares.
 *
 *-------------------------------------------------------------------------
 */
#include "recover_text.h"

/* clang-format off */
const char recover_aes_program[] =
	"#!/usr/bin/env python3\n"
	"# Decrypts one file of cipher aes-256-gcm (docs/format.md, section 12) without nex_backup:\n"
	"#   decrypt_aes.py KEY_FILE < file.nxb > file       Debian's python3-cryptography is enough\n"
	"import base64, hashlib, hmac, sys\n"
	"from cryptography.exceptions import InvalidTag\n"
	"from cryptography.hazmat.primitives.asymmetric import x25519\n"
	"from cryptography.hazmat.primitives.ciphers.aead import AESGCM\n"
	"from cryptography.hazmat.primitives.hashes import SHA256\n"
	"from cryptography.hazmat.primitives.kdf.hkdf import HKDF\n"
	"from cryptography.hazmat.primitives.kdf.scrypt import Scrypt\n"
	"from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat\n"
	"\n"
	"def hkdf(secret, salt, info):\n"
	"    return HKDF(SHA256(), 32, salt or None, info).derive(secret)\n"
	"\n"
	"def b64(text):\n"
	"    return base64.b64decode(text + b\"=\" * (-len(text) % 4))\n"
	"\n"
	"def bech32(text):  # the 32 bytes of AGE-SECRET-KEY-1…\n"
	"    digits = text.lower().rsplit(\"1\", 1)[1][:-6]\n"
	"    bits = \"\".join(format(\"qpzry9x8gf2tvdw0s3jn54khce6mua7l\".index(c), \"05b\") for c in digits)\n"
	"    return bytes(int(bits[i:i + 8], 2) for i in range(0, 256, 8))\n"
	"\n"
	"keys = [line.strip() for line in open(sys.argv[1], \"rb\") if line.strip() and line[:1] != b\"#\"]\n"
	"data = sys.stdin.buffer.read()\n"
	"end = data.index(b\"\\n--- \") + 1\n"
	"lines = data[:end].splitlines()\n"
	"header = data[:data.index(b\"\\n\", end) + 1]\n"
	"assert lines[0] == b\"nex-backup-encryption/1 aes-256-gcm\"\n"
	"\n"
	"def wrapping_key(key, kind, value, log_n=b\"18\"):\n"
	"    if kind == b\"X25519\" and key.startswith(b\"AGE-SECRET-KEY-1\"):\n"
	"        secret = x25519.X25519PrivateKey.from_private_bytes(bech32(key.decode()))\n"
	"        public = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)\n"
	"        shared = secret.exchange(x25519.X25519PublicKey.from_public_bytes(b64(value)))\n"
	"        return hkdf(shared, b64(value) + public, b\"nex_backup/1 X25519\")\n"
	"    if kind == b\"key-file\" and len(key) == 64:  # hex digits\n"
	"        return hkdf(bytes.fromhex(key.decode()), b64(value), b\"nex_backup/1 key-file\")\n"
	"    return Scrypt(b64(value), 32, 1 << int(log_n), 8, 1).derive(key) if kind == b\"scrypt\" else None\n"
	"\n"
	"for stanza, wrapped in zip(lines[1::2], lines[2::2]):\n"
	"    for wrap in filter(None, (wrapping_key(key, *stanza.split()[1:]) for key in keys)):\n"
	"        try:\n"
	"            data_key = AESGCM(wrap).decrypt(bytes(12), b64(wrapped), None)\n"
	"        except InvalidTag:\n"
	"            continue\n"
	"mac = hmac.new(hkdf(data_key, b\"\", b\"nex_backup/1 header\"), data[:end], \"sha256\").digest()\n"
	"assert hmac.compare_digest(mac, b64(header[end + 4:-1])), \"the header was changed\"\n"
	"payload = data[len(header):]\n"
	"assert payload[0] == 40\n"
	"gcm = AESGCM(hkdf(data_key, payload[1:33], hashlib.sha256(header).digest()))\n"
	"at, number = 40, 0\n"
	"while number == 0 or at < len(payload):\n"
	"    size = 65536 - (40 if number == 0 else 0)\n"
	"    last = at + size >= len(payload)\n"
	"    nonce = payload[33:40] + number.to_bytes(4, \"big\") + bytes([last])\n"
	"    sys.stdout.buffer.write(gcm.decrypt(nonce, payload[at:at + size], None))\n"
	"    at, number = at + size, number + 1\n"
	"# end\n";
/* clang-format on */
