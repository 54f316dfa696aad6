"""Writes the layout of the bundled image from unpacked packages: two platforms of four layers each. See README.md."""
import gzip, hashlib, io, json, os, stat, sys, tarfile

work, out = sys.argv[1], sys.argv[2]
EPOCH = 1700000000  # 2023-11-14T22:13:20Z
CREATED = "2023-11-14T22:13:20Z"
APPLETS = ["ash", "cat", "cp", "echo", "grep", "ls", "mkdir", "mv", "rm", "sed", "sleep", "tar", "vi", "wget"]
HARD = ["sh", "ln", "pwd"]


class Layer:
    """A tar of entries in the order they are added."""

    def __init__(self):
        self.buf = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buf, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind=tarfile.REGTYPE, data=b"", mode=0o644, uid=0, gid=0, mtime=EPOCH, link="", pax=None, dev=(0, 0)):
        t = tarfile.TarInfo(name)
        t.type, t.mode, t.uid, t.gid, t.mtime, t.linkname = kind, mode, uid, gid, mtime, link
        t.size, t.pax_headers, (t.devmajor, t.devminor) = len(data) if kind == tarfile.REGTYPE else 0, pax or {}, dev
        self.tar.addfile(t, io.BytesIO(data))

    def dir(self, name, mode=0o755, **k):
        self.add(name + "/", tarfile.DIRTYPE, mode=mode, **k)

    def sym(self, name, target):
        self.add(name, tarfile.SYMTYPE, link=target, mode=0o777)

    def hard(self, name, target):
        self.add(name, tarfile.LNKTYPE, link=target)

    def tree(self, root):
        """Everything below root, sorted, owned by root."""
        for top, dirs, files in os.walk(root):
            dirs.sort()
            rel = os.path.relpath(top, root)
            if rel != ".":
                self.dir(rel, stat.S_IMODE(os.stat(top).st_mode))
            for n in sorted(files + [d for d in dirs if os.path.islink(os.path.join(top, d))]):
                p, r = os.path.join(top, n), os.path.normpath(os.path.join(rel, n))
                if os.path.islink(p):
                    self.sym(r, os.readlink(p))
                else:
                    self.add(r, data=open(p, "rb").read(), mode=stat.S_IMODE(os.stat(p).st_mode))

    def bytes(self):
        self.tar.close()
        return self.buf.getvalue()


def base(arch):
    l = Layer()
    pkg = f"{work}/pkg-{arch}"
    l.dir("bin")
    l.add("bin/busybox", data=open(f"{pkg}/busybox-static/bin/busybox", "rb").read(), mode=0o755)
    for a in HARD:
        l.hard(f"bin/{a}", "bin/busybox")
    for a in APPLETS:
        l.sym(f"bin/{a}", "busybox")
    for d in ("dev", "home", "proc", "root", "run", "sys", "usr", "usr/bin", "usr/lib", "usr/share", "var", "var/log"):
        l.dir(d, 0o700 if d == "root" else 0o755)
    l.sym("lib", "usr/lib")
    l.dir("tmp", 0o1777)
    l.dir("etc")
    l.add("etc/passwd", data=b"root:x:0:0:root:/root:/bin/sh\nharbor:x:1000:1000::/home/harbor:/bin/sh\n")
    l.add("etc/group", data=b"root:x:0:\nharbor:x:1000:\n")
    l.add("etc/motd", data=b"This file is removed by a whiteout in layer 2.\n")
    l.add("etc/banner", data=b"first banner\n")
    l.hard("etc/banner.hard", "etc/banner")
    l.add("etc/becomes-dir", data=b"a file in layer 0\n")
    l.dir("etc/becomes-file")
    l.add("etc/becomes-file/child", data=b"gone when the folder becomes a file\n")
    l.dir("etc/cleared.d")
    for n in "ab":
        l.add(f"etc/cleared.d/old-{n}", data=b"hidden by an opaque whiteout\n")
    l.sym("etc/old-link", "motd")
    return l.bytes()


def packages(arch):
    l = Layer()
    pkg = f"{work}/pkg-{arch}"
    for p in ("base-files", "netbase", "media-types"):
        for sub in ("etc", "usr"):
            src = f"{pkg}/{p}/{sub}"
            if os.path.isdir(src):
                keep = Layer.tree
                rooted = f"{work}/sub-{arch}-{p}-{sub}"
                os.makedirs(rooted, exist_ok=True)
                os.system(f"cp -a {src} {rooted}/ && rm -rf {rooted}/etc/update-motd.d {rooted}/etc/profile.d {rooted}/usr/share/common-licenses/GFDL* {rooted}/usr/share/lintian")
                keep(l, rooted)
    l.dir("usr/share/doc/busybox-static")
    l.add("usr/share/doc/busybox-static/copyright", data=open(f"{pkg}/busybox-static/usr/share/doc/busybox-static/copyright", "rb").read())
    l.add("var/lib/harbor-packages", data=open(f"{work}/versions-{arch}", "rb").read())
    l.add("lib/through-link", data=b"its folder is a symbolic link of layer 0\n")
    return l.bytes()


def deletions(arch):
    l = Layer()
    l.dir("etc")
    l.add("etc/.wh.motd")
    l.add("etc/.wh.old-link")
    l.dir("etc/becomes-dir")
    l.add("etc/becomes-dir/inside", data=b"now a folder\n")
    l.add("etc/becomes-file", data=b"now a file\n")
    l.dir("etc/cleared.d")
    l.add("etc/cleared.d/new", data=b"kept: whiteouts hide lower layers only\n")
    l.add("etc/cleared.d/.wh..wh..opq")  # after the file it must not hide
    l.add("etc/banner", data=b"second banner; banner.hard keeps the first\n")
    l.add("usr/share/.wh.bug")
    l.add("usr/share/base-files/.wh.networks")
    return l.bytes()


def app(arch):
    l = Layer()
    l.dir("opt")
    l.dir("opt/app", uid=1000, gid=1000)
    l.add("opt/app/arch", data=f"{arch}\n".encode())
    l.add("opt/app/run.sh", data=b"#!/bin/sh\nexec echo ahoy from the harbor\n", mode=0o755, uid=1000, gid=1000)
    l.dir("opt/app/links")
    l.add("opt/app/links/data", data=b"one file, three names\n")
    l.hard("opt/app/links/hard", "opt/app/links/data")
    l.hard("opt/app/hard-up", "./opt/app/links/data")
    for n, t in (("relative", "data"), ("absolute", "/opt/app/run.sh"), ("dangling", "nowhere"), ("escape", "../../../../../../etc/passwd"),
                 ("loop-a", "loop-b"), ("loop-b", "loop-a"), ("folder", "..")):
        l.sym(f"opt/app/links/{n}", t)
    l.hard("opt/app/across-layers", "bin/busybox")
    l.dir("opt/app/modes")
    for n, m in (("setuid", 0o4755), ("setgid", 0o2755), ("none", 0)):
        l.add(f"opt/app/modes/{n}", data=b"x\n", mode=m)
    l.dir("opt/app/modes/sticky", 0o1777)
    l.add("opt/app/modes/owner", data=b"x\n", uid=123456, gid=654321)
    l.add("opt/app/modes/old", data=b"x\n", mtime=1)
    l.add("opt/app/modes/subsecond", data=b"x\n", pax={"mtime": "1600000000.123456789"})
    l.add("opt/app/modes/xattr", data=b"x\n", pax={"SCHILY.xattr.user.comment": "hello", "SCHILY.xattr.user.second": "2"})
    l.add("opt/app/modes/fifo", tarfile.FIFOTYPE)
    l.add("opt/app/modes/null", tarfile.CHRTYPE, mode=0o666, dev=(1, 3))
    l.dir("opt/app/names")
    l.add("opt/app/names/" + "n" * 180, data=b"long\n")
    l.add("opt/app/names/Ünïcödé-日本語.txt", data=b"unicode\n")
    l.add("opt/app/names/with space", data=b"space\n")
    l.add("opt/app/names/-dash", data=b"dash\n")
    l.dir("opt/app/empty")
    return l.bytes()


def put(b):
    h = hashlib.sha256(b).hexdigest()
    with open(f"{out}/blobs/sha256/{h}", "wb") as f:
        f.write(b)
    return "sha256:" + h


def squeeze(b):
    f = io.BytesIO()
    with gzip.GzipFile(fileobj=f, mode="wb", compresslevel=9, mtime=0, filename="") as z:
        z.write(b)
    return f.getvalue()


def doc(v, media_type, **more):
    b = json.dumps(v, separators=(",", ":")).encode()
    return {"mediaType": media_type, "digest": put(b), "size": len(b), **more}


OCI = "application/vnd.oci.image."


def image(arch, variant):
    plain = [base(arch), packages(arch), deletions(arch), app(arch)]
    half = len(plain[1]) // 2
    stored = [squeeze(plain[0]), squeeze(plain[1][:half]) + squeeze(plain[1][half:]), plain[2], squeeze(plain[3])]  # 1: two gzip members; 2: no compression
    layers = [{"mediaType": OCI + "layer.v1.tar" + ("" if i == 2 else "+gzip"), "digest": put(b), "size": len(b)} for i, b in enumerate(stored)]
    by = ["ADD busybox-static in /", "ADD base-files netbase media-types in /", "RUN rm -f /etc/motd # and what else layer 2 shows", "COPY app /opt/app"]
    history = [{"created": CREATED, "created_by": c} for c in by]
    history.insert(3, {"created": CREATED, "created_by": "ENV HARBOR=1", "empty_layer": True})
    history.append({"created": CREATED, "created_by": 'ENTRYPOINT ["/opt/app/run.sh"]', "empty_layer": True})
    platform = {"architecture": arch, "os": "linux", **({"variant": variant} if variant else {})}
    config = doc({
        "created": CREATED, "author": "The Stevedore authors", **platform,
        "config": {"User": "1000:1000", "ExposedPorts": {"8080/tcp": {}}, "Env": ["PATH=/bin:/usr/bin", "HARBOR=1"], "Entrypoint": ["/opt/app/run.sh"],
                   "Cmd": ["ahoy"], "Volumes": {"/data": {}}, "WorkingDir": "/opt/app", "StopSignal": "SIGTERM",
                   "Labels": {"org.opencontainers.image.title": "harbor", "org.opencontainers.image.description": "Stevedore's bundled image <with & odd \"characters\">"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(b).hexdigest() for b in plain]},
        "history": history}, OCI + "config.v1+json")
    return doc({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": layers,
                "annotations": {"org.opencontainers.image.created": CREATED}}, OCI + "manifest.v1+json", platform=platform)


os.makedirs(f"{out}/blobs/sha256")
amd64, arm64 = image("amd64", ""), image("arm64", "v8")
index = doc({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [amd64, arm64],
             "annotations": {"org.opencontainers.image.title": "harbor"}}, OCI + "index.v1+json")
tag = lambda d, t: {**{k: v for k, v in d.items() if k != "platform"}, "annotations": {"org.opencontainers.image.ref.name": t}}
with open(f"{out}/oci-layout", "w") as f:
    f.write('{"imageLayoutVersion":"1.0.0"}\n')
with open(f"{out}/index.json", "w") as f:
    json.dump({"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
               "manifests": [tag(index, "latest"), tag(index, "1.0"), tag(amd64, "amd64"), tag(arm64, "arm64")]}, f, indent=1)
    f.write("\n")
