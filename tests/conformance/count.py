"""Reads `go test -json`; prints each failed test with what it said, then `N passed, N failed`. Only tests without subtests count.

    count.py WHY [--name]    WHY tests are skipped; with --name, also which
"""

import json
import sys

results, said, outer = {}, {}, set()
build = []
for line in sys.stdin:
    try:
        event = json.loads(line)
    except ValueError:
        build.append(line)
        continue
    name, action = event.get("Test"), event["Action"]
    if action == "build-output":
        build.append(event["Output"])
    if name is None:
        continue
    parts = name.split("/")
    outer.update("/".join(parts[:length]) for length in range(1, len(parts)))
    if action == "output":
        said.setdefault(name, []).append(event["Output"])
    elif action in ("pass", "fail", "skip"):
        results[name] = action

inner = {name: result for name, result in results.items() if name not in outer}
# A test that failed before its subtests counts; one that failed by its subtests does not. One that was cut short has no result.
broken = {name for name, result in results.items() if result == "fail"} | (set(said) - set(results))
failed = sorted(name for name in broken if not any(other.startswith(name + "/") for other in broken))

for name in failed:
    print(f"FAILED {name}")
    print("".join(text for text in said.get(name, []) if not text.lstrip().startswith(("===", "---")))[:2000])
print("".join(build), end="")
passed = sum(result == "pass" for result in inner.values())
skipped = sorted(name for name, result in inner.items() if result == "skip")
print(f"{len(skipped)} skipped: {sys.argv[1]}")
for name in skipped if "--name" in sys.argv else []:
    print(f"SKIPPED {name}")
print(f"{passed} passed, {len(failed)} failed")
sys.exit(1 if failed or not passed else 0)
