/* SPDX-License-Identifier: BSD-2-Clause
 * An allocator for colorizer_options that counts. Include after cmocka.h. */
#ifndef TESTS_COUNTING_H
#define TESTS_COUNTING_H

#include <stdlib.h>

#include <colorizer/colorizer.h>

/** Counts blocks and fails the one numbered `fail_at`, from 1; 0 fails none. */
typedef struct {
    int64_t live_blocks, live_bytes, peak_bytes;
    int calls, fail_at;
} counter;

static inline void *counting_alloc(void *user, uint64_t size, uint64_t alignment) {
    counter *n = user;
    if (++n->calls == n->fail_at) return NULL;
    void *p = aligned_alloc((size_t)alignment, (size_t)size);
    assert_non_null(p);
    n->live_blocks++;
    n->live_bytes += (int64_t)size;
    if (n->live_bytes > n->peak_bytes) n->peak_bytes = n->live_bytes;
    return p;
}

static inline void counting_free(void *user, void *p, uint64_t size) {
    counter *n = user;
    assert_non_null(p);
    n->live_blocks--;
    n->live_bytes -= (int64_t)size;
    free(p);
}

static inline colorizer_options options_for(counter *n, int32_t threads) {
    return (colorizer_options){.struct_size = sizeof(colorizer_options),
                               .threads = threads,
                               .alloc = counting_alloc,
                               .free = counting_free,
                               .alloc_user = n};
}

#endif
