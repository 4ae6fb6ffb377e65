"""Print how programs are isolated on this machine and which attacks were prevented."""

import json

from monkeys.verification.sandbox import find

if __name__ == "__main__":
    print(json.dumps(find(allow_unsandboxed=True)[1], indent=2))
