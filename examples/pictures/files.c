/* SPDX-License-Identifier: BSD-2-Clause
 * Reading and writing of files (POSIX). */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** The unfinished file. Set before it is made, cleared after it is gone: a handler may unlink it at any time. */
static char unfinished[PATH_MAX];
static volatile sig_atomic_t has_unfinished;

static bool is_standard(const char *path) { return strcmp(path, "-") == 0; }

/* ---------------------------------------------------------------- reading */

/** Reads to the end of the stream into memory that doubles. */
static bool read_stream(FILE *from, uint8_t **bytes, size_t *size, complaint *c) {
    size_t room = (size_t)1 << 16, used = 0;
    uint8_t *block = malloc(room);
    while (block != NULL) {
        used += fread(block + used, 1, room - used, from);
        if (used < room) break;
        if (room > (size_t)INT_MAX * 2) {
            free(block);
            return fail(c, "the file is larger than 2 GiB");
        }
        uint8_t *larger = realloc(block, room * 2);
        if (larger == NULL) free(block);
        block = larger;
        room *= 2;
    }
    if (block == NULL) return fail(c, "not enough memory");
    if (ferror(from)) {
        free(block);
        return fail(c, "cannot read: %s", strerror(errno));
    }
    *bytes = block;
    *size = used;
    return true;
}

bool file_read(const char *path, uint8_t **bytes, size_t *size, complaint *c) {
    if (is_standard(path)) return read_stream(stdin, bytes, size, c);
    FILE *from = fopen(path, "rb");
    if (from == NULL) return fail(c, "cannot open: %s", strerror(errno));
    bool ok = read_stream(from, bytes, size, c);
    (void)fclose(from);
    return ok;
}

/* ---------------------------------------------------------------- writing */

bool file_may_write(const char *path, const char *input, bool overwrite, complaint *c) {
    struct stat out, in;
    if (is_standard(path)) return !isatty(STDOUT_FILENO) || fail(c, "standard output is a terminal; give -o FILE");
    if (stat(path, &out) != 0) return errno == ENOENT || fail(c, "%s: %s", path, strerror(errno));
    if (!S_ISREG(out.st_mode)) return fail(c, "%s exists and is not a file", path);
    if (overwrite) return true;
    if (input != NULL && stat(input, &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
        return fail(c, "%s is the input itself; -y overwrites it", path);
    return fail(c, "%s exists; -y overwrites it", path);
}

bool file_is_done(const char *output, const char *input) {
    struct stat out, in;
    if (is_standard(input) || stat(output, &out) != 0 || stat(input, &in) != 0 || !S_ISREG(out.st_mode)) return false;
    if (in.st_dev == out.st_dev && in.st_ino == out.st_ino) return false;
    if (out.st_mtim.tv_sec != in.st_mtim.tv_sec) return out.st_mtim.tv_sec > in.st_mtim.tv_sec;
    return out.st_mtim.tv_nsec >= in.st_mtim.tv_nsec;
}

bool file_identify(const char *path, file_id *out) {
    struct stat s;
    if (lstat(path, &s) != 0) return false;
    *out = (file_id){s.st_dev, s.st_ino, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
    return true;
}

bool file_is_same(const file_id *one, const file_id *other) {
    return one->device == other->device && one->number == other->number && one->seconds == other->seconds &&
           one->nanoseconds == other->nanoseconds;
}

void file_remove_unfinished(void) {
    if (has_unfinished) (void)unlink(unfinished);
    has_unfinished = 0;
}

/** Names a file in the folder of `path` that nobody else uses and makes it. */
static FILE *open_beside(const char *path, complaint *c) {
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    for (int attempt = 0; attempt < 100; attempt++) {
        int length =
            snprintf(unfinished, sizeof unfinished, "%.*s.colorizer-%ld-%d.tmp", folder, path, (long)getpid(), attempt);
        if (length < 0 || (size_t)length >= sizeof unfinished) break;
        has_unfinished = 1;
        int descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        FILE *to = descriptor >= 0 ? fdopen(descriptor, "wb") : NULL;
        if (to != NULL) return to;
        if (descriptor >= 0) {
            (void)close(descriptor);
            file_remove_unfinished();
        }
        has_unfinished = 0;
        if (errno != EEXIST) break;
    }
    (void)fail(c, "cannot write %s: %s", path, strerror(errno));
    return NULL;
}

/** Gives the finished file its name. Without `overwrite` a link is made, because rename() would silently replace a
 *  file that appeared meanwhile; where a file system has no links the check made before stands alone. */
static bool move_into_place(const char *path, bool overwrite, complaint *c) {
    if (!overwrite && link(unfinished, path) == 0) return true;
    if (!overwrite && errno == EEXIST) return fail(c, "%s exists; -y overwrites it", path);
    if (rename(unfinished, path) != 0) return fail(c, "cannot write %s: %s", path, strerror(errno));
    has_unfinished = 0;
    return true;
}

/** On the disk before it gets its name: a power cut must not leave an empty file that looks done. */
static bool settle(const char *path, complaint *c) {
    int descriptor = open(unfinished, O_RDONLY | O_CLOEXEC);
    bool ok = descriptor >= 0 && fsync(descriptor) == 0;
    if (!ok) (void)fail(c, "cannot write %s: %s", path, strerror(errno));
    if (descriptor >= 0) (void)close(descriptor);
    return ok;
}

/** Makes the unfinished file, whole. */
static bool write_unfinished(const char *path, const blob *file, metadata *with, complaint *c) {
    FILE *to = open_beside(path, c);
    if (to == NULL) return false;
    bool ok = fwrite(file->bytes, 1, file->size, to) == file->size;
    ok = fclose(to) == 0 && ok;
    if (!ok) return fail(c, "cannot write %s: %s", path, strerror(errno));
    return with == NULL || metadata_save(with, unfinished, c);
}

static bool write_file(const char *path, const blob *file, metadata *with, bool overwrite, complaint *c) {
    bool ok = write_unfinished(path, file, with, c) && settle(path, c) && move_into_place(path, overwrite, c);
    file_remove_unfinished();
    return ok;
}

/** Metadata are added to a file, so there must be one for a moment. */
static bool add_metadata(blob *file, metadata *with, complaint *c) {
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    blob whole = {0};
    (void)snprintf(path, sizeof path, "%s/picture", folder != NULL && folder[0] != '\0' ? folder : "/tmp");
    bool ok = write_unfinished(path, file, with, c) && file_read(unfinished, &whole.bytes, &whole.size, c);
    file_remove_unfinished();
    if (!ok) return false;
    blob_free(file);
    *file = whole;
    return true;
}

static bool write_standard(blob *file, metadata *with, complaint *c) {
    if (with != NULL && !add_metadata(file, with, c)) return false;
    bool ok = fwrite(file->bytes, 1, file->size, stdout) == file->size && fflush(stdout) == 0;
    return ok || fail(c, "cannot write to standard output: %s", strerror(errno));
}

bool file_write(const char *path, const picture *p, const codec *format, int quality, metadata *with, bool overwrite,
                complaint *c) {
    blob file = {0};
    if (format->boxes) with = NULL; /* they are in the picture */
    bool ok = format->write(p, quality, &file, c);
    if (ok && is_standard(path)) {
        ok = write_standard(&file, with, c);
    } else if (ok) {
        char *target = realpath(path, NULL); /* a symbolic link stays, what it points to is replaced */
        ok = write_file(target ? target : path, &file, with, overwrite, c);
        free(target);
    }
    blob_free(&file);
    return ok;
}
