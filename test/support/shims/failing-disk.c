/*
 * A disk that fails for the journals (files whose names end in .journal) of the process that it is preloaded into, as the file that
 * FAILING_DISK names says at each moment: see `struct faults`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct faults {
    int64_t room;         /* How many bytes can be written until the disk is full (ENOSPC); negative: as many as come. */
    int64_t sync_fails;   /* fdatasync answers EIO, though all that was written stands in the file. */
    int64_t cannot_cut;   /* ftruncate answers EIO. */
    int64_t is_read_only; /* Nothing can be changed (EROFS), as where the system mounts a disk anew that has failed. */
    int64_t synced;       /* Counts up with each fdatasync that was asked for. */
};

static volatile struct faults *faults;

__attribute__((constructor)) static void find_faults(void) {
    const char *path = getenv("FAILING_DISK");
    int fd = path == NULL ? -1 : open(path, O_RDWR);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) abort(); /* A test must not believe that a disk has failed. */
    faults = mapped;
    close(fd);
}

static int is_journal(const char *name) {
    size_t length = strlen(name);
    return faults != NULL && length > 8 && strcmp(name + length - 8, ".journal") == 0;
}

static int is_open_journal(int fd) {
    char link[32], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    name[length < 0 ? 0 : length] = 0;
    return is_journal(name);
}

static int fail(int error) {
    errno = error;
    return -1;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    if (is_open_journal(fd)) {
        if (faults->is_read_only) return fail(EROFS);
        if (faults->room == 0) return fail(ENOSPC);
        if (faults->room > 0) {
            if ((int64_t)count > faults->room) count = faults->room;
            faults->room -= count;
        }
    }
    return syscall(SYS_write, fd, bytes, count);
}

int fdatasync(int fd) {
    if (is_open_journal(fd)) {
        faults->synced += 1;
        if (faults->sync_fails) return fail(EIO);
    }
    return syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t length) {
    if (is_open_journal(fd)) {
        if (faults->is_read_only) return fail(EROFS);
        if (faults->cannot_cut) return fail(EIO);
    }
    return syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    if (is_journal(path) && faults->is_read_only) return fail(EROFS);
    return syscall(SYS_utimensat, folder, path, times, flags);
}
