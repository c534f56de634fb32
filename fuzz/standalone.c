/* SPDX-License-Identifier: BSD-2-Clause
 * A main for compilers without libFuzzer: TARGET SECONDS [FILE...] mutates the files, a model with every operator, and
 * random bytes for that long. It prints how much it did; a fault aborts and leaves the input in fault.bin. */
#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_SEEDS = 64, MOST_BYTES = 1 << 16 };

static struct {
    unsigned char *bytes;
    size_t size;
} seeds[MOST_SEEDS];
static size_t n_seeds;

static unsigned char input[MOST_BYTES];
static size_t input_size;

static uint64_t state = 88172645463325252u;

static uint32_t next(uint32_t count) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16) % count;
}

static void save(int number) {
    FILE *f = fopen("fault.bin", "wb");
    if (f != NULL) {
        fwrite(input, 1, input_size, f);
        fclose(f);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void add_seed(const void *bytes, size_t size) {
    if (n_seeds == MOST_SEEDS || size > MOST_BYTES) return;
    unsigned char *copy = malloc(size + 1);
    if (copy == NULL) return;
    memcpy(copy, bytes, size);
    seeds[n_seeds].bytes = copy;
    seeds[n_seeds++].size = size;
}

static void add_file(const char *path) {
    static unsigned char bytes[MOST_BYTES];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return;
    }
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    if (n < sizeof bytes)
        add_seed(bytes, n);
    else
        fprintf(stderr, "%s: larger than %d bytes, left out\n", path, MOST_BYTES);
    fclose(f);
}

static void add_every_operator(void) {
    unsigned char *bytes;
    size_t size;
    mb_model *m = calloc(1, sizeof *m);
    if (m == NULL) return;
    mb_every_operator(m);
    mb_write(m, &bytes, &size);
    mb_free(m);
    add_seed(bytes, size);
    free(bytes);
    free(m);
}

static void mutate_once(void) {
    static const uint32_t words[] = {0, 1, 2, 3, 64, 255, 256, 4096, 1u << 20, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    const size_t at = next((uint32_t)input_size), word = at & ~(size_t)3;
    uint32_t value;
    switch (next(6)) {
    case 0:
        input[at] ^= (unsigned char)(1u << next(8));
        break;
    case 1:
        input[at] = (unsigned char)next(256);
        break;
    case 2:
    case 3: /* fields of records are words: an edge, or one more or less */
        if (word + 4 > input_size) break;
        memcpy(&value, input + word, 4);
        value = next(2) ? words[next(CZ_COUNT(words))] : value + next(9) - 4;
        memcpy(input + word, &value, 4);
        break;
    case 4: /* one stretch over another, word by word */
        if (word + 16 > input_size) break;
        memmove(input + word, input + (next((uint32_t)(input_size - 15)) & ~3u), 16);
        break;
    default:
        if (next(8) == 0) input_size = 1 + at;
        break;
    }
}

static void make_input(void) {
    if (next(2) == 0) {
        input_size = 1 + next(256);
        for (size_t i = 0; i < input_size; i++) input[i] = (unsigned char)next(256);
        return;
    }
    const size_t k = next((uint32_t)n_seeds);
    input_size = seeds[k].size;
    memcpy(input, seeds[k].bytes, input_size);
    if (input_size == 0) return;
    for (uint32_t n = 1 + next(4); n > 0; n--) mutate_once();
}

int main(int argc, char **argv) {
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 60;
    const time_t begin = time(NULL);
    unsigned long long done = 0;
    signal(SIGABRT, save);
    signal(SIGSEGV, save);
    signal(SIGFPE, save);
    add_every_operator();
    for (int i = 2; i < argc; i++) add_file(argv[i]);
    do {
        make_input();
        LLVMFuzzerTestOneInput(input, input_size);
        done++;
    } while (difftime(time(NULL), begin) < seconds);
    printf("%llu inputs in %.0f s, %.0f a second\n", done, difftime(time(NULL), begin), (double)done / seconds);
    for (size_t i = 0; i < n_seeds; i++) free(seeds[i].bytes);
    return 0;
}
