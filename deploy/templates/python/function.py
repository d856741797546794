"""One event in, one result out. `pilotfish` is on the path of every Python function; docs/foreign-functions.md tells more."""

import pilotfish


def handle(event, ctx):
    words = event.text().split()
    ctx.log.info("counted", words=len(words))
    return {"words": len(words)}


if __name__ == "__main__":
    pilotfish.run(handle)
