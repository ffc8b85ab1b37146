/*
 * Steps the time of day of the process that it is preloaded into, and nothing else: the monotonic clock goes on. By how much, in
 * microseconds, are the first eight bytes of the file that STEPPED_CLOCK names; whoever writes there moves the clock at once. That is
 * counted from where FAKETIME has the clock: a number of seconds, under `npm run test:anywhere`.
 *
 * The kernel is asked without the C library, which may need this very function before it is ready (its allocator does).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *step;
static int64_t moved_us;

__attribute__((constructor)) static void find_step(void) {
    const char *path = getenv("STEPPED_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *step, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) abort(); /* A test must not believe that it has moved a clock. */
    step = mapped;
    close(fd);
    const char *moved = getenv("FAKETIME");
    if (moved != NULL) moved_us = atoll(moved) * 1000000;
}

static int64_t stepped_us(void) {
    struct timespec real;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
    return (int64_t)real.tv_sec * 1000000 + real.tv_nsec / 1000 + moved_us + (step == NULL ? 0 : *step);
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    (void)zone;
    int64_t us = stepped_us();
    tv->tv_sec = us / 1000000;
    tv->tv_usec = us % 1000000;
    return 0;
}

int clock_gettime(clockid_t id, struct timespec *ts) {
    if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE) return syscall(SYS_clock_gettime, id, ts);
    int64_t us = stepped_us();
    ts->tv_sec = us / 1000000;
    ts->tv_nsec = us % 1000000 * 1000;
    return 0;
}

time_t time(time_t *at) {
    time_t seconds = stepped_us() / 1000000;
    if (at != NULL) *at = seconds;
    return seconds;
}
