#!/usr/bin/python3
"""Opens a file in SOPS's notation without nex_backup, and prints it as JSON.

decrypt_sops.py FILE IDENTITY_FILE

An independent reading of the notation, for the tests: PyYAML reads the file,
"age" opens the data key, python3-cryptography the values.  The rule by which
keys are encrypted is taken from the file itself, and the MAC is checked.
"""
import base64
import hashlib
import json
import re
import subprocess
import sys

import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VALUE = re.compile(r'^ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]')
TYPES = {'str': str, 'int': int, 'float': float, 'bool': lambda text: text == 'True'}


def read_dotenv(text):
    """Key and value of each line, as SOPS splits them."""
    pairs = {}
    for line in text.split('\n'):
        if line and line[0] != '#':
            key, value = line.split('=', 1)
            pairs[key] = value.replace('\\n', '\n')
    metadata = {key[5:]: pairs.pop(key) for key in list(pairs) if key.startswith('sops_')}
    metadata['age'] = [{'enc': metadata['age__list_0__map_enc']}]
    return pairs, metadata


def open_value(text, key, path):
    data, iv, tag, kind = VALUE.match(text).groups()
    plain = AESGCM(key).decrypt(base64.b64decode(iv), base64.b64decode(data) + base64.b64decode(tag),
                                path.encode())
    return plain, TYPES[kind](plain.decode())


def walk(node, path, state):
    if isinstance(node, dict):
        return {name: walk(value, path + [name], state) for name, value in node.items()}
    if isinstance(node, list):
        return [walk(value, path, state) for value in node]
    if node is None or not any(state['regex'].search(name) for name in path):
        return node
    if node == '':
        return node
    plain, value = open_value(node, state['key'], ':'.join(path) + ':')
    state['mac'].update(plain)
    return value


def main():
    with open(sys.argv[1], newline='', encoding='utf-8') as file:
        text = file.read()
    if re.search(r'\.ya?ml$', sys.argv[1]):
        tree = yaml.safe_load(text)
        metadata = tree.pop('sops')
    else:
        tree, metadata = read_dotenv(text)
    opened = subprocess.run(['age', '-d', '-i', sys.argv[2]], input=metadata['age'][0]['enc'].encode(),
                            stdout=subprocess.PIPE, check=True)
    state = {'key': opened.stdout, 'regex': re.compile(metadata['encrypted_regex']),
             'mac': hashlib.sha512(hashlib.sha256(b'sops').digest())}
    tree = walk(tree, [], state)
    _, mac = open_value(metadata['mac'], state['key'], metadata['lastmodified'])
    if mac != state['mac'].hexdigest().upper():
        sys.exit('the MAC does not fit')
    print(json.dumps(tree, sort_keys=True, default=str))


main()
