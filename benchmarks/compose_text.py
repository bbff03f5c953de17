"""How fast is the CPU path on real text? This composes such text, 1 GB or 4 GB of it, out of Debian packages.

    python -m benchmarks.compose_text --bytes 1000000000 --out build/debian-text/1gb

A size is bytes of UTF-8 text. It is filled by fixed shares, never by taking a document twice:

| folder | share | what | filled evenly over |
|---|---|---|---|
| `code/` | 65 % | what `source_tree` takes for source code, of source packages and libraries | packages |
| `help/` | 5 % | help pages: LibreOffice, GIMP, GNOME, KDE | languages |
| `manuals/` | 30 % | manual pages, HTML and text of documentation packages | packages and languages |

1. Fetched: `apt-get download` into `--cache`, once. A package that lies there is not renewed.
2. Extracted: once per package, into a Parquet file in the cache (`benchmarks.package_texts`).
3. Chosen: of equal texts one, an English page before others (many translations are not complete), else the first
   by kind, package and archive order. In a group the hash of package and path decides whose turn it is, so that no
   archive is cut at its front. Groups go side by side: documents stand in the order of the bytes that their group has
   given with them, and a share is the front of that order. So 1 GB is a part of 4 GB, and a group gives as many bytes
   as any other, or all it has.
4. Written: JSON lines with `text`, `kind`, `package`, `path` and `language`; of code, as the annotator `source_code`
   knows it, `repository` (the package) and `programming_language` in place of the last. Parts have about 32 MB. The
   hash deals a kind's documents over its parts, so all parts have one mixture; in a part, packages are in order.

The same packages give the same bytes. `packages.tsv` beside the output says what each gave, and its version.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow.parquet as pq

from benchmarks.package_texts import Kind, Package, extract

PART_BYTES = 32_000_000
CODE = """
acl2-books-source ansible bazel-bootstrap-source binutils-source blender-data calibre castle-game-engine-src emacs-el
eric erlang-src fpc-source-3.2.2 gcc-12-source gdb-source glibc-source gnulib golang-1.19-src
golang-github-aws-aws-sdk-go-v2-dev golang-github-azure-azure-sdk-for-go-dev golang-github-docker-docker-dev
golang-github-rclone-rclone-dev golang-github-snapcore-snapd-dev golang-golang-x-tools-dev golang-google-api-dev
golang-google-genproto-dev golang-gvisor-gvisor-dev guile-3.0-libs jsxgraph lammps-data lazarus-src-2.2
libbio-perl-perl libboost1.81-dev libcgal-dev libclang-14-dev libcoq-mathcomp libdeal.ii-dev libeigen3-dev
libimage-exiftool-perl libjs-dojo-dojox libjs-three libpcl-dev libphobos2-ldc-shared-dev libpython3.11-stdlib
libpython3.11-testsuite libruby3.1 librust-cargo-dev librust-rav1e-dev librust-sequoia-openpgp-dev librust-web-sys-dev
librust-winapi-dev libvtk9-dev linux-source-6.1 llvm-16-dev maxima-share mediawiki mercurial-common newlib-source nim
octave-common openjdk-17-source openjfx-source openvswitch-source perl-modules-5.36 phpmyadmin puppet-agent
python3-astropy python3-azure python3-cinder python3-django python3-matplotlib python3-mypy python3-networkx
python3-neutron python3-nova python3-numpy python3-pandas python3-sage python3-scipy python3-sklearn
python3-sqlalchemy python3-statsmodels python3-sympy python3-twisted qtbase5-examples racket-common redmine
request-tracker5 roundcube-core rust-src sbcl-source tcllib texlive-latex-extra vim-runtime webpack wordpress
xorg-server-source
"""
HELP = """
libreoffice-help-[!e]* libreoffice-help-e[!n]* libreoffice-help-en-us gimp-help-ca gimp-help-de gimp-help-el
gimp-help-en gimp-help-es gimp-help-fr gimp-help-it gimp-help-ja gimp-help-nn gimp-help-pt-br gimp-help-ro
gimp-help-ru accerciser aisleriot akregator anjuta-common ark baobab brasero-common burner-common calligraplan cantor
cervisia cheese-common choqok deja-dup dolphin easytag eog epiphany-browser-data evince-common evolution-common
file-roller five-or-more font-manager-common gbrainy geary gedit-common ghex glabels-data gnome-applets-data
gnome-boxes gnome-calculator gnome-clocks gnome-devel-docs gnome-dictionary gnome-mahjongg gnome-mines gnome-sudoku
gnome-system-monitor gnome-system-tools gnome-terminal-data gnome-user-docs gnote granatier gthumb-data gtranslator
gwenview hamster-time-tracker iagno juk k3b-i18n kaddressbook kalarm kalgebra-common kalzium-data kate5-data
kbibtex-data kcachegrind kcalc kde-cli-tools-data kdesvn kdevelop-data kdiff3-doc kexi-data kfind kfloppy kget kgpg
khelpcenter khotkeys-data kid3 kig kile-doc kinfocenter kio kio-audiocd kio-extras-data kjumpingcube kleopatra
kmahjongg kmail kmenuedit kmines kmplot kmymoney-common knavalbattle knetwalk knotes kolf kolourpaint konqueror
konquest konsole kontact konversation-data korganizer kpat kphotoalbum krdc kreversi krfb krusader kshisen ksirk
kstars-data ksudoku ksystemlog ktechlab ktouch-data kturtle kwave kwin-data kxstitch-common lokalize lskat-data
modem-manager-gui-help ocrfeeder okular orca parlatype parley-data partitionmanager pitivi plasma-desktop-data
plasma-workspace-data polari rkward-data rocs seahorse shotwell-common simple-scan skrooge-common step tellico-doc
totem-common umbrello-data zenity-common
"""
MANUALS = """
abs-guide ada-reference-manual-2020 agda-stdlib-doc allegro5-doc anarchism ant-doc apache2-doc aptitude-doc-*
asymptote-doc bacula-doc brz-doc buildbot-doc calibre casacore-doc cinder-doc clang-19-doc cmake-doc
cppreference-doc-en-html crystal-doc csound-doc db5.3-doc dcmtk-doc debhelper debian-edu-doc-?? debian-edu-doc-??-??
debian-faq* debian-history debian-policy debian-policy-ja derby-doc developers-reference* devscripts doublecmd-help-*
doxygen-doc dpkg-dev dx-doc erlang-doc erlang-manpages festival-doc ffmpeg-doc fontforge-doc fop-doc fp-docs-3.2.2
gap-doc gcl-doc ghc-doc giac-doc git-doc glance-doc gnuradio-doc gnutls-doc grass-doc groonga-doc groovy-doc gsoap-doc
heat-doc icu-doc imagemagick-6-doc jmeter-apidoc keystone-doc kicad-doc-* krb5-doc lava-server-doc lazarus-doc-2.2
lemonldap-ng-doc libace-doc libapache-poi-java-doc libbiojava-java-doc libboost1.81-doc libcommons-math3-java-doc
libcrypto++-doc libfastutil-java-doc libgecode-doc libghc-ghc-lib-parser-doc libghc-pandoc-doc libgtk-4-doc
libjogl2-java-doc liblapack-doc liblwjgl-java-doc libmbedtls-doc libpcl-doc libssl-doc libstdc++-12-doc libvirt-doc
libwnn-dev libxcb-doc libxerces2-java-doc lilypond-doc-html* linux-doc-6.1 llvm-16-doc macaulay2-common maint-guide*
man-db manila-doc manpages manpages-?? manpages-??-* manpages-dev maxima-doc mh-book mit-scheme-doc ncurses-doc
netcdf-doc nim-doc nova-doc numba-doc octave-doc octavia-doc openafs-doc opencv-doc openjdk-17-doc openvswitch-doc
passwd perl-doc petsc3.18-doc pike8.0-doc po4a postfix-doc postgresql-doc-15 proftpd-doc python-ase-doc
python-astropy-doc python-astroquery-doc python-biopython-doc python-celery-doc python-dask-doc python-ezdxf-doc
python-fonttools-doc python-mdanalysis-doc python-nibabel-doc python-nipype-doc python-openstacksdk-doc
python-pandas-doc python-pymatgen-doc python-pytest-doc python-rdflib-doc python-scipy-doc python-sfepy-doc
python-skbio-doc python-skimage-doc python-sklearn-doc python-statsmodels-doc python-sympy-doc python3.11-doc
qt5-doc-html qtbase5-doc-html qtdeclarative5-doc-html qtmultimedia5-doc-html qtquickcontrols2-5-doc-html
qttools5-doc-html quantlib-refman-html r-doc-html racket-doc rdkit-doc rt5-doc-html rust-doc rust-web-doc sagemath-doc
scala-doc scons-doc shorewall-doc simbody-doc singular-doc slurm-wlm-doc sphinx-doc sqlite3-doc swi-prolog-doc
swift-doc systemtap-doc tcl8.6-doc texworks-help-* tomcat10-docs translate-toolkit-doc twisted-doc uima-doc vim-doc
weka-doc wireshark-doc zsh-doc
"""
KINDS = (
    Kind(name="source code", folder="code", share=0.65, packages=CODE),
    Kind(name="help", folder="help", share=0.05, packages=HELP),
    Kind(name="manual", folder="manuals", share=0.30, packages=MANUALS),
)
GROUPS = {
    "source code": ["package"],
    "help": ["language"],
    "manual": ["package", "language"],
}
SUMS = [pl.col("bytes").sum(), pl.len().alias("documents")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bytes", type=int, required=True, help="UTF-8 bytes of text")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("build/debian-packages"))
    arguments = parser.parse_args()
    packages = [package for kind in KINDS for package in fetched(kind, arguments.cache)]
    for package in packages:
        if not package.texts.exists():
            extract(package)
    documents = chosen(packages, arguments.bytes)
    for kind in KINDS:
        write(kind, packages, documents, arguments.out / kind.folder)
    report(packages, documents, arguments.out)


def fetched(kind: Kind, cache: Path) -> list[Package]:
    """The packages of a kind by name, downloaded where the cache has none."""
    cache.mkdir(parents=True, exist_ok=True)
    known = subprocess.run(["apt-cache", "pkgnames"], capture_output=True, text=True, check=True)
    patterns = kind.packages.split()
    names = sorted(n for n in set(known.stdout.split()) if any(fnmatchcase(n, p) for p in patterns))
    missing = [name for name in names if not any(cache.glob(f"{name}_*.deb"))]
    if missing:
        subprocess.run(["apt-get", "--quiet=2", "download", *missing], cwd=cache, check=True)
    return [_package(kind, name, max(cache.glob(f"{name}_*.deb"))) for name in names]


def _package(kind: Kind, name: str, archive: Path) -> Package:
    texts = archive.parent / "texts" / kind.folder / f"{archive.stem}.parquet"
    version = unquote(archive.stem.split("_")[1])
    return Package(kind=kind, name=name, version=version, archive=archive, texts=texts)


def chosen(packages: Sequence[Package], size: int) -> pl.DataFrame:
    """What is taken: `kind`, `package`, `row` (in its Parquet file), `language`, `bytes`."""
    columns = ["language", "bytes", "turn", "digest"]
    documents = pl.concat(
        pl.read_parquet(package.texts, columns=columns)
        .with_row_index("row")
        .with_columns(kind=pl.lit(package.kind.name), package=pl.lit(package.name))
        for package in packages
    )
    english_first = documents.sort(pl.col("language") != "en", maintain_order=True)
    once = english_first.unique("turn", keep="first", maintain_order=True)  # x and x.gz are one
    documents = once.unique("digest", keep="first", maintain_order=True)
    return pl.concat(
        _evenly(documents.filter(kind=kind.name), GROUPS[kind.name], kind.share * size)
        for kind in KINDS
    ).sort("kind", "package", "row")


def _evenly(documents: pl.DataFrame, group: Sequence[str], size: float) -> pl.DataFrame:
    """Documents of at most `size` bytes: groups side by side, those first that end first in theirs."""
    end = pl.col("bytes").cum_sum().over(group, order_by="turn").alias("end")
    in_order = documents.with_columns(end).sort("end", "turn")
    return in_order.filter(pl.col("bytes").cum_sum() <= size)


def write(kind: Kind, packages: Sequence[Package], documents: pl.DataFrame, folder: Path) -> None:
    """The parts of a kind, into a folder that is not there yet."""
    folder.mkdir(parents=True)
    ours = documents.filter(kind=kind.name)
    parts = max(1, round(ours["bytes"].sum() / PART_BYTES))
    with ExitStack() as stack:
        files = [
            stack.enter_context((folder / f"part-{part:05}.jsonl").open("w", encoding="utf-8"))
            for part in range(parts)
        ]
        for package in packages:
            if package.kind == kind:
                for row in _taken(package, ours.filter(package=package.name)["row"]):
                    files[row["turn"] % parts].write(_line(package, row))


def _taken(package: Package, rows: pl.Series) -> Iterator[dict[str, Any]]:
    """These rows (sorted) of a package's texts."""
    start = 0
    file = pq.ParquetFile(package.texts)
    for batch in file.iter_batches(1000, columns=["path", "language", "text", "turn"]):
        here = rows.filter((rows >= start) & (rows < start + len(batch))) - start
        yield from batch.take(here.to_arrow()).to_pylist()
        start += len(batch)


def _line(package: Package, row: dict[str, Any]) -> str:
    place = {"kind": package.kind.name, "package": package.name, "path": row["path"]}
    if package.kind.folder == "code":
        language = {"repository": package.name, "programming_language": row["language"]}
    else:
        language = {"language": row["language"]}
    return json.dumps({"text": row["text"]} | place | language, ensure_ascii=False) + "\n"


def report(packages: Sequence[Package], documents: pl.DataFrame, out: Path) -> None:
    """Write `packages.tsv`; print the sums of kinds and languages."""
    versions = pl.DataFrame(
        [(package.kind.name, package.name, package.version) for package in packages],
        schema=["kind", "package", "version"],
        orient="row",
    )
    taken = documents.group_by("kind", "package").agg(SUMS)
    table = versions.join(taken, on=["kind", "package"], how="left", maintain_order="left")
    table.fill_null(0).write_csv(out / "packages.tsv", separator="\t")
    for kind in KINDS:
        ours = documents.filter(kind=kind.name)
        languages = ours.group_by("language").agg(SUMS).sort("bytes", "language", descending=True)
        counts = f"{len(ours):,} documents, {len(languages)} languages"
        print(f"{kind.name}: {ours['bytes'].sum():,} of {kind.share:.0%}, {counts}")
        for language, size, count in languages.rows():
            print(f"  {language:24} {size:13,} {count:9,}")


if __name__ == "__main__":
    main()
