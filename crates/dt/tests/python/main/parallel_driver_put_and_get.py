#!/usr/bin/env -S python3 -u
"""A driver as people write them in Python for containers: it calls members by the names they have there."""

import etcd3
from antithesis.assertions import always, sometimes
from antithesis.random import get_random, random_choice

MEMBERS = ["etcd0", "etcd1", "etcd2"]


def client():
    member = random_choice(MEMBERS)
    print("member", member)
    return etcd3.client(host=member, port=2379, timeout=5)


def main():
    prefix = f"{get_random():016x}"
    print("prefix", prefix)
    kept, writer = {}, client()
    for n in range(1 + get_random() % 20):
        key, value = f"{prefix}/{n}", str(get_random())
        try:
            writer.put(key, value)
            kept[key] = value
        except etcd3.exceptions.Etcd3Exception as error:
            print("no answer to a put:", error)
    sometimes(bool(kept), "A put is acknowledged", {"puts": len(kept)})
    reader, lost = client(), []
    for key, value in kept.items():
        try:
            found, _ = reader.get(key)
        except etcd3.exceptions.Etcd3Exception as error:
            print("no answer to a get:", error)
            continue
        if found is None or found.decode() != value:
            lost.append(key)
    always(not lost, "What was acknowledged can be read", {"lost": lost})


if __name__ == "__main__":
    main()
