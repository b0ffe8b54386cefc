/*
 * A disk that fails now and then, or a death at a given moment, for whichever program is started with this in LD_PRELOAD.
 *
 * Requests to the kernel that concern what lies below FAULTS_BELOW fail, one in FAULTS_EVERY of them, by the luck of
 * FAULTS_SEED. A quarter of those that fail were done all the same: the answer is what got lost. Each adds a byte to the
 * file FAULTS_COUNT. With FAULTS_SOURCE it is a disk that is only read: questions about a name and its attributes fail as
 * well, nothing that failed was done, and one in three files is refused because too many are open. With FAULTS_ONLY=CALL
 * each request of that name fails, and no other. With FAULTS_KILL instead, each request that changes something adds a byte, and the program is killed
 * at the one of that number, before or after it was done. The program is the one that people get: a filter of the kernel (seccomp) turns such requests
 * into signals, also where they do not pass through the C library, and the handler does them or says that they failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static char below[4096];
static size_t below_length;
static uint64_t every, seed, turn, deadly, changes;
static int count = -1, source;
static long only = -1;

enum { READS, CHANGES, MAY_BE_FULL, ASKS };

/* The one place from which the filter lets everything pass, at the instruction after the request. */
long faults_request(long nr, long a, long b, long c, long d, long e, long f);
extern char faults_passed[];

#if defined(__x86_64__)
__asm__(".text\n.globl faults_request\n.hidden faults_request\n.globl faults_passed\n.hidden faults_passed\n"
        "faults_request:\n"
        "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nmov %rcx, %rdx\nmov %r8, %r10\nmov %r9, %r8\n"
        "mov 8(%rsp), %r9\nsyscall\n"
        "faults_passed:\nret\n");
#define ARCH 0xc000003eu
#define ARGUMENT(context, n) ((long)(context)->uc_mcontext.gregs[(const int[]){REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9}[n]])
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
__asm__(".text\n.globl faults_request\n.hidden faults_request\n.globl faults_passed\n.hidden faults_passed\n"
        "faults_request:\n"
        "mov x8, x0\nmov x0, x1\nmov x1, x2\nmov x2, x3\nmov x3, x4\nmov x4, x5\nmov x5, x6\nsvc #0\n"
        "faults_passed:\nret\n");
#define ARCH 0xc00000b7u
#define ARGUMENT(context, n) ((long)(context)->uc_mcontext.regs[n])
#define RESULT(context) ((context)->uc_mcontext.regs[0])
#else
#error "faults.c knows x86-64 and aarch64"
#endif

/* Which requests fail, which argument is the folder or file, which the name in it (-1: none), and how they fail. */
static const struct {
    int nr, at, name, kind;
} REQUESTS[] = {
    {SYS_openat, 0, 1, READS},          {SYS_linkat, 2, 3, MAY_BE_FULL},     {SYS_renameat2, 2, 3, MAY_BE_FULL},
    {SYS_unlinkat, 0, 1, CHANGES},      {SYS_mkdirat, 0, 1, MAY_BE_FULL},    {SYS_fsync, 0, -1, CHANGES},
    {SYS_fdatasync, 0, -1, MAY_BE_FULL}, {SYS_write, 0, -1, MAY_BE_FULL},     {SYS_read, 0, -1, READS},
    {SYS_pread64, 0, -1, READS},        {SYS_getdents64, 0, -1, READS},      {SYS_statx, 0, 1, ASKS},
    {SYS_fgetxattr, 0, -1, ASKS},       {SYS_flistxattr, 0, -1, ASKS},       {SYS_readlinkat, 0, 1, ASKS},
};
static const struct {
    const char *name;
    long nr;
} CALLS[] = {{"openat", SYS_openat}, {"pread64", SYS_pread64}, {"getdents64", SYS_getdents64}, {"statx", SYS_statx},
             {"fgetxattr", SYS_fgetxattr}, {"flistxattr", SYS_flistxattr}, {"readlinkat", SYS_readlinkat}};
#define REQUESTS_LENGTH ((int)(sizeof REQUESTS / sizeof REQUESTS[0]))

static int lies_below(const char *path, long length) {
    return length >= (long)below_length && memcmp(path, below, below_length) == 0 &&
           (length == (long)below_length || path[below_length] == '/');
}

static int concerns(long at, const char *name) {
    char link[64] = "/proc/self/fd/", digits[24], path[4096];
    size_t n = 0, end = strlen(link);
    if (name && name[0] == '/')
        return lies_below(name, (long)strlen(name));
    if ((int)at < 0)
        return 0;
    do
        digits[n++] = (char)('0' + at % 10);
    while (at /= 10);
    while (n)
        link[end++] = digits[--n];
    link[end] = 0;
    long length = faults_request(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, sizeof path - 1, 0, 0);
    if (length < 0)
        return 0;
    path[length] = 0;
    return lies_below(path, length);
}

static uint64_t luck(void) {
    uint64_t z = seed + 0x9e3779b97f4a7c15u * __atomic_add_fetch(&turn, 1, __ATOMIC_RELAXED);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void asked(int number, siginfo_t *info, void *given) {
    ucontext_t *context = given;
    long nr = info->si_syscall, a[6];
    (void)number;
    for (int n = 0; n < 6; n++)
        a[n] = ARGUMENT(context, n);
    int which = 0, fails = 0, dies = 0;
    uint64_t lot = 0;
    while (which < REQUESTS_LENGTH && REQUESTS[which].nr != nr)
        which++;
    if (which < REQUESTS_LENGTH && (only < 0 ? source || REQUESTS[which].kind != ASKS : only == nr)) {
        int name = REQUESTS[which].name;
        if (concerns(a[REQUESTS[which].at], name < 0 ? NULL : (const char *)a[name])) {
            lot = luck();
            if (every > 0) {
                fails = lot % every == 0;
                lot /= every;
            } else if (REQUESTS[which].kind != READS) {
                faults_request(SYS_write, count, (long)"x", 1, 0, 0, 0);
                dies = __atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED) == deadly;
            }
        }
    }
    if (fails)
        faults_request(SYS_write, count, (long)"x", 1, 0, 0, 0);
    /* A file that was opened would stay open, and what was read has been read: those fail before they are done. */
    int is_done = !source && lot % 4 == 0 && nr != SYS_openat && nr != SYS_read && nr != SYS_pread64 && nr != SYS_getdents64 && nr != SYS_write;
    long result = 0;
    if (dies && lot % 2 == 0)
        faults_request(SYS_kill, faults_request(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0, 0);
    if (!fails || is_done)
        result = faults_request(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (dies)
        faults_request(SYS_kill, faults_request(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0, 0);
    if (fails && !(is_done && result < 0))
        result = REQUESTS[which].kind == MAY_BE_FULL && (lot / 4) % 2 ? -ENOSPC : -EIO;
    if (fails && source && only < 0 && nr == SYS_openat && lot % 3 == 0)
        result = -EMFILE;
    RESULT(context) = (uint64_t)result;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_BELOW"), *often = getenv("FAULTS_EVERY"), *number = getenv("FAULTS_SEED");
    const char *counted = getenv("FAULTS_COUNT"), *moment = getenv("FAULTS_KILL"), *call = getenv("FAULTS_ONLY");
    source = call || getenv("FAULTS_SOURCE");
    for (size_t n = 0; call && n < sizeof CALLS / sizeof CALLS[0]; n++)
        if (strcmp(CALLS[n].name, call) == 0)
            only = CALLS[n].nr;
    if (call && only < 0)
        _exit(99);
    if (!path || !often == !moment || !number || !counted || strlen(path) >= sizeof below)
        _exit(99);
    strcpy(below, path);
    below_length = strlen(path);
    every = often ? strtoull(often, NULL, 10) : 0;
    deadly = moment ? strtoull(moment, NULL, 10) : 0;
    seed = strtoull(number, NULL, 10);
    count = open(counted, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    struct sock_filter filter[REQUESTS_LENGTH + 12];
    int n = 0;
    uint64_t passed = (uint64_t)(uintptr_t)faults_passed;
#define LOAD(field) filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HALF(field, half) filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4 * (half))
#define UNLESS(value, skip) filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define RETURN(value) filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (value))
    LOAD(arch);
    UNLESS(ARCH, 4);
    LOAD_HALF(instruction_pointer, 0);
    UNLESS((uint32_t)passed, 3);
    LOAD_HALF(instruction_pointer, 1);
    UNLESS((uint32_t)(passed >> 32), 1);
    RETURN(SECCOMP_RET_ALLOW);
    LOAD(nr);
    for (int which = 0; which < REQUESTS_LENGTH; which++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)REQUESTS[which].nr, (uint8_t)(REQUESTS_LENGTH - which), 0);
    RETURN(SECCOMP_RET_ALLOW);
    RETURN(SECCOMP_RET_TRAP);
    struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    struct sigaction action = {.sa_sigaction = asked, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (count < 0 || (often && every == 0) || sigaction(SIGSYS, &action, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        _exit(99);
}
