"""A filter of system calls for untrusted programs: what they have no use for fails with EPERM.

Namespaces, an unprivileged user and rlimits hold a program in; the filter closes what they leave open:

- memory that no rlimit counts (`memfd_create`, System V shared memory, file systems of one's own);
- namespaces of one's own, in which a program would have all capabilities and more of the kernel to attack
  (`unshare`, `setns`, `mount` and its kin, `clone` with a namespace flag; `clone3`, whose flags a filter cannot
  read, is answered ENOSYS, after which C libraries fall back to `clone`);
- other processes' memory (`ptrace`, `process_vm_*`), and parts of the kernel with a history of holes (`bpf`,
  `io_uring`, `perf_event_open`, `userfaultfd`, keys);
- sockets of any family but AF_UNIX.

Calls of another ABI (32-bit, x32) end the process. It is a list of what is denied, so a call that a later kernel
adds is allowed: the filter is the second wall, not the first. The numbers are those of Linux' `asm/unistd_64.h` and
`asm-generic/unistd.h`; the program is classic BPF, as `Documentation/userspace-api/seccomp_filter.rst` has it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

NAMESPACE_FLAGS = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
AF_UNIX = 1
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000


@dataclass(frozen=True)
class _Abi:
    architecture: int  # AUDIT_ARCH_*
    clone: int
    socket: int
    denied: tuple[int, ...]


_CLONE3 = 435
_EVERYWHERE = (  # io_uring x3, open_tree .. fspick, mount_setattr, memfd_secret
    *(425, 426, 427),
    *(428, 429, 430, 431, 432, 433, 442, 447),
)
_ABIS = {
    "x86_64": _Abi(
        architecture=0xC000003E,
        clone=56,
        socket=41,
        denied=(
            *(319, 29, 30, 31),  # memfd_create, shmget, shmat, shmctl
            *(272, 308, 165, 166, 155, 161),  # unshare, setns, mount, umount2, pivot_root, chroot
            *(101, 310, 311),  # ptrace, process_vm_readv, process_vm_writev
            *(250, 248, 249, 321, 298, 323),  # keyctl, add_key, request_key, bpf, perf, userfaultfd
            *(303, 304),  # name_to_handle_at, open_by_handle_at
            *_EVERYWHERE,
        ),
    ),
    "aarch64": _Abi(
        architecture=0xC00000B7,
        clone=220,
        socket=198,
        denied=(
            *(279, 194, 196, 195),
            *(97, 268, 40, 39, 41, 51),
            *(117, 270, 271),
            *(219, 217, 218, 280, 241, 282),
            *(264, 265),
            *_EVERYWHERE,
        ),
    ),
}


def program(machine: str) -> bytes:
    """The filter for `os.uname().machine`, as an array of `struct sock_filter`.

    ValueError for a machine whose numbers are not known here.
    """
    if machine not in _ABIS:
        raise ValueError(f"no system call filter for {machine}; known: {', '.join(sorted(_ABIS))}")
    abi = _ABIS[machine]
    steps = [
        *((_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, abi.architecture), (_RETURN, 0, 0, _KILL)),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        steps += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    steps += _refuse(_CLONE3, _ENOSYS)
    for number in abi.denied:
        steps += _refuse(number, _EPERM)
    steps += [
        *((_EQUAL, 0, 4, abi.clone), (_LOAD, 0, 0, _FIRST_ARGUMENT)),
        *((_ANY_BIT, 0, 1, NAMESPACE_FLAGS), (_RETURN, 0, 0, _ERRNO | _EPERM)),
        (_RETURN, 0, 0, _ALLOW),
        *((_EQUAL, 0, 3, abi.socket), (_LOAD, 0, 0, _FIRST_ARGUMENT)),
        *((_EQUAL, 1, 0, AF_UNIX), (_RETURN, 0, 0, _ERRNO | _EPERM)),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _refuse(number: int, errno: int) -> list[tuple[int, int, int, int]]:
    return [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno)]
