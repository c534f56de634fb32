/* SPDX-License-Identifier: BSD-2-Clause
 * The verifier against broken files: truncated, flipped, with every field at its edges, and by name.
 *
 *   test_format               runs the tests
 *   test_format --write DIR   writes the named bad files and list.txt, for the test of the Python reader */
#include "format_cases.h"
#include "model_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- the small model */

/* Tensors: 0 image, 1 fixed, 2 w f16, 3 b f32, 4 q i8, 5 unnamed f32, 6 conv, 7 relu, 8 lin, 9 softmax, 10 concat. */
static void build_small(mb_model *m) {
    const mb_tensor none = CZ_NO_TENSOR;
    const mb_tensor image = mb_input(m, "image", 4, 0, 0, 4);
    mb_input(m, "fixed", 1, 6, 5, 3);
    const mb_tensor w = mb_constant(m, "w", CZ_F16, 8, 3, 3, 4), b = mb_vector(m, "b", 8);
    const mb_tensor q = mb_constant(m, "q", CZ_I8, 4, 1, 1, 8), s = mb_vector(m, "", 4);
    cz_attr a = mb_attr(CZ_OP_conv2d);
    a.conv2d.stride_h = a.conv2d.stride_w = 2;
    a.conv2d.pad_top = a.conv2d.pad_left = 1;
    a.conv2d.act = CZ_ACT_CLAMP;
    a.conv2d.act_p1 = 6;
    const mb_tensor conv = mb_op(m, "conv", CZ_OP_conv2d, &a, (mb_tensor[]){image, w, b}, 3);
    a = mb_attr(CZ_OP_activation);
    a.activation.act = CZ_ACT_LEAKY_RELU;
    const mb_tensor relu = mb_op(m, "relu", CZ_OP_activation, &a, &conv, 1);
    a = mb_attr(CZ_OP_linear);
    const mb_tensor lin = mb_op(m, "lin", CZ_OP_linear, &a, (mb_tensor[]){relu, q, s}, 3);
    a = mb_attr(CZ_OP_softmax);
    a.softmax.axis = 3;
    const mb_tensor soft = mb_op3(m, CZ_OP_softmax, &a, lin, none, none);
    a = mb_attr(CZ_OP_concat);
    a.concat.axis = 3;
    mb_output(m, "logits", mb_op(m, "cat", CZ_OP_concat, &a, (mb_tensor[]){lin, soft}, 2));
    mb_output(m, "hidden", relu);
    mb_metadata(m, "name", "small \xC3\xA4\xE2\x82\xAC\xF0\x9F\x8E\xA8");
    mb_metadata(m, "note", "");
}

static void make_small(unsigned char **bytes, size_t *size) {
    mb_model m = {0};
    build_small(&m);
    mb_write(&m, bytes, size);
    mb_free(&m);
}

static size_t payload_of(const unsigned char *bytes) {
    uint64_t v;
    memcpy(&v, bytes + 48, sizeof v);
    return (size_t)v;
}

/* ---------------------------------------------------------------- what must hold for what is accepted */

static void check_text(const cz_file *f, cz_text t) {
    const char *begin = (const char *)f->bytes + f->strings;
    assert_true(t.data >= begin && t.data + t.size <= begin + f->string_bytes);
    assert_true(cz_utf8_valid(t.data, t.size));
}

static void check_constant(const cz_file *f, const cz_constant *c) {
    const unsigned char *begin = c->data;
    const size_t n = cz_elements(&c->shape);
    float values[64];
    assert_true(begin >= f->bytes + f->payload && n <= f->size);
    for (size_t at = 0; at < n; at += CZ_COUNT(values)) {
        const size_t count = cz_min(CZ_COUNT(values), n - at);
        cz_constant_read(c, at, count, values);
        for (size_t i = 0; i < count; i++) assert_true(values[i] - values[i] == 0); /* finite */
    }
}

/** Walks an accepted file and, where there is one, its model. */
static void check_accepted(const cz_file *f) {
    cz_alloc alloc = cz_alloc_make(NULL, NULL, NULL);
    cz_model *m;
    cz_error err = {0};
    for (uint32_t i = 0; i < f->count[CZ_FILE_OPERATOR]; i++) {
        cz_file_operator op;
        cz_file_get_operator(f, i, &op);
        check_text(f, op.name);
    }
    if (cz_model_make(&m, f, &alloc, &err) != COLORIZER_OK) {
        assert_true(err.code == COLORIZER_E_MODEL || err.code == COLORIZER_E_VERSION);
        assert_true(err.text[0] != 0);
        assert_null(m);
        return;
    }
    assert_int_equal(m->n_tensors, m->n_inputs + m->n_constants + m->n_ops);
    for (uint32_t i = 0; i < m->n_inputs; i++) check_text(f, m->inputs[i].name);
    for (uint32_t i = 0; i < m->n_constants; i++) check_constant(f, &m->constants[i]);
    for (uint32_t i = 0; i < m->n_ops; i++)
        for (int k = 0; k < CZ_MAX_INPUTS; k++)
            assert_true(m->ops[i].in[k] == CZ_NO_TENSOR || m->ops[i].in[k] < cz_model_op_tensor(m, i));
    for (uint32_t i = 0; i < m->n_outputs; i++) assert_true(cz_model_is_op(m, m->outputs[i].tensor));
    for (uint32_t i = 0; i < m->n_metadata; i++) check_text(f, m->metadata[i].value);
    cz_model_free(m, &alloc);
}

/** Opens bytes that may be anything, and their model. @return the status; the text is never empty on failure. */
static int32_t open_both(const unsigned char *bytes, size_t size, cz_error *err) {
    cz_alloc alloc = cz_alloc_make(NULL, NULL, NULL);
    cz_file f;
    cz_model *m;
    *err = (cz_error){0};
    int32_t status = cz_file_open(&f, bytes, size, err);
    if (status == COLORIZER_OK) {
        check_accepted(&f);
        status = cz_model_make(&m, &f, &alloc, err);
        if (status == COLORIZER_OK) cz_model_free(m, &alloc);
    }
    if (status != COLORIZER_OK) {
        assert_int_equal(err->code, status);
        assert_true(err->text[0] != 0);
    }
    cz_error streamed = {0};
    assert_int_equal(mb_open_streamed(bytes, size, &streamed) == COLORIZER_OK, status == COLORIZER_OK);
    return status;
}

/* ---------------------------------------------------------------- whole files */

static void test_accepts(void **state) {
    unsigned char *bytes;
    size_t size;
    cz_error err;
    (void)state;
    make_small(&bytes, &size);
    assert_int_equal(open_both(bytes, size, &err), COLORIZER_OK);
    cz_file f;
    assert_int_equal(cz_file_open(&f, bytes + 1, size - 1, &err), COLORIZER_E_BUFFER);
    free(bytes);
    mb_model m = {0};
    mb_every_operator(&m);
    mb_write(&m, &bytes, &size);
    mb_free(&m);
    assert_int_equal(open_both(bytes, size, &err), COLORIZER_OK);
    free(bytes);
}

/** Every truncation, as it is and with size and checksums repaired. */
static void test_truncations(void **state) {
    unsigned char *bytes;
    size_t size;
    cz_error err;
    (void)state;
    make_small(&bytes, &size);
    for (size_t n = 0; n < size; n++) {
        unsigned char *cut = mb_exact(n);
        if (n > 0) memcpy(cut, bytes, n);
        assert_int_equal(open_both(cut, n, &err), COLORIZER_E_FORMAT);
        if (n >= CZ_FILE_HEADER) {
            const uint64_t claimed = n;
            memcpy(cut + 16, &claimed, sizeof claimed);
            mb_seal(cut, n);
            assert_int_equal(open_both(cut, n, &err), COLORIZER_E_FORMAT);
        }
        free(cut);
    }
    free(bytes);
}

/** Every changed bit is found; with the checksums repaired it is refused or a valid file. */
static void test_flips(void **state) {
    unsigned char *bytes;
    size_t size;
    cz_error err;
    (void)state;
    make_small(&bytes, &size);
    unsigned char *copy = mb_exact(size);
    for (size_t i = 0; i < 8 * size; i++) {
        memcpy(copy, bytes, size);
        copy[i / 8] ^= (unsigned char)(1u << i % 8);
        assert_int_not_equal(open_both(copy, size, &err), COLORIZER_OK);
        if (i / 8 >= 16) assert_true(err.code == COLORIZER_E_CHECKSUM || err.code == COLORIZER_E_FORMAT);
        mb_seal(copy, size);
        open_both(copy, size, &err);
    }
    free(copy);
    free(bytes);
}

/** Every word before the payload, at each edge. */
static void test_edges(void **state) {
    static const uint32_t fixed[] = {0,
                                     1,
                                     2,
                                     63,
                                     64,
                                     255,
                                     256,
                                     1024,
                                     1025,
                                     4096,
                                     4097,
                                     1u << 20,
                                     (1u << 20) + 1,
                                     1u << 29,
                                     (1u << 29) + 1,
                                     0x7F7FFFFF,
                                     0x7F800000,
                                     0x7FC00000,
                                     0x7FFFFFFF,
                                     0x80000000,
                                     0xFF800000,
                                     0xFFFFFFFE,
                                     0xFFFFFFFF};
    unsigned char *bytes;
    size_t size, accepted = 0, refused = 0;
    cz_error err;
    (void)state;
    make_small(&bytes, &size);
    unsigned char *copy = mb_exact(size);
    for (size_t at = 0; at + 4 <= payload_of(bytes); at += 4) {
        uint32_t value;
        memcpy(&value, bytes + at, sizeof value);
        for (size_t k = 0; k < CZ_COUNT(fixed) + 2; k++) {
            const uint32_t edge = k < CZ_COUNT(fixed) ? fixed[k] : k == CZ_COUNT(fixed) ? value - 1 : value + 1;
            if (edge == value) continue;
            memcpy(copy, bytes, size);
            memcpy(copy + at, &edge, sizeof edge);
            mb_seal(copy, size);
            if (open_both(copy, size, &err) == COLORIZER_OK)
                accepted++;
            else
                refused++;
        }
    }
    assert_true(accepted > 0 && refused > 10 * accepted);
    free(copy);
    free(bytes);
}

/* ---------------------------------------------------------------- named bad files */

/** Finds `from` in the bytes of the strings. */
static unsigned char *find_string(unsigned char *bytes, const char *from) {
    const size_t n = strlen(from), end = payload_of(bytes);
    for (size_t at = STRINGS; at + n <= end; at++)
        if (memcmp(bytes + at, from, n) == 0) return bytes + at;
    fail_msg("the small model has no string '%s'", from);
    return NULL;
}

static void apply(unsigned char *bytes, size_t size, const bad_file *bad) {
    bool seal = true;
    for (size_t k = 0; k < CZ_COUNT(bad->edits); k++) {
        const edit e = bad->edits[k];
        if (e.at == 0 && e.value == 0) continue;
        if (e.at == NO_SEAL)
            seal = false;
        else
            memcpy(bytes + (e.at & 0x80000000u ? payload_of(bytes) + (e.at & 0x7FFFFFFFu) : e.at), &e.value, 4);
    }
    if (seal) mb_seal(bytes, size);
}

static void expect(const char *name, const unsigned char *bytes, size_t size, int32_t code, const char *text) {
    cz_error err;
    const int32_t status = open_both(bytes, size, &err);
    if (status != code || strstr(err.text, text) == NULL)
        fail_msg("%s: %d '%s', but expected %d '%s'", name, (int)status, err.text, (int)code, text);
    if (mb_open_streamed(bytes, size, &err) != code || strstr(err.text, text) == NULL)
        fail_msg("%s, streamed: %d '%s', but expected %d '%s'", name, (int)err.code, err.text, (int)code, text);
}

/** Calls fn with every named bad file. */
static void each_bad_file(void (*fn)(const char *, const unsigned char *, size_t, int32_t, const char *)) {
    unsigned char *bytes;
    size_t size;
    make_small(&bytes, &size);
    unsigned char *copy = mb_exact(size);
    for (size_t i = 0; i < CZ_COUNT(bad_files); i++) {
        memcpy(copy, bytes, size);
        apply(copy, size, &bad_files[i]);
        fn(bad_files[i].name, copy, size, bad_files[i].code, bad_files[i].text);
    }
    for (size_t i = 0; i < CZ_COUNT(bad_strings); i++) {
        memcpy(copy, bytes, size);
        memcpy(find_string(copy, bad_strings[i].from), bad_strings[i].to, strlen(bad_strings[i].to));
        mb_seal(copy, size);
        fn(bad_strings[i].name, copy, size, FORMAT, bad_strings[i].text);
    }
    free(copy);
    free(bytes);
}

static void test_named(void **state) {
    (void)state;
    assert_true(CZ_COUNT(bad_files) + CZ_COUNT(bad_strings) >= 60);
    each_bad_file(expect);
}

/* ---------------------------------------------------------------- parts */

/** An allocator that fails from a given call on, and counts what is out. */
typedef struct counter {
    int calls, fail_at, out;
} counter;

static void *count_alloc(void *user, uint64_t size, uint64_t alignment) {
    counter *c = user;
    if (c->calls++ == c->fail_at) return NULL;
    c->out++;
    assert_int_equal(alignment, CZ_ALIGN);
    return mb_exact((size_t)size);
}

static void count_free(void *user, void *ptr, uint64_t size) {
    counter *c = user;
    (void)size;
    c->out--;
    free(ptr);
}

/** Each allocation failing once: E_MEMORY, nothing leaks, and then all goes well. */
static void test_allocation_fails(void **state) {
    unsigned char *bytes;
    size_t size;
    cz_file f;
    cz_model *m;
    cz_error err;
    int failed = 0;
    (void)state;
    make_small(&bytes, &size);
    assert_int_equal(cz_file_open(&f, bytes, size, &err), COLORIZER_OK);
    for (;; failed++) {
        counter c = {0, failed, 0};
        cz_alloc alloc = cz_alloc_make(count_alloc, count_free, &c);
        const int32_t status = cz_model_make(&m, &f, &alloc, &err);
        if (status == COLORIZER_OK) {
            cz_model_free(m, &alloc);
            assert_int_equal(c.out, 0);
            break;
        }
        assert_int_equal(status, COLORIZER_E_MEMORY);
        assert_null(m);
        assert_int_equal(c.out, 0);
    }
    assert_true(failed >= 2);
    free(bytes);
}

/** The values of the Python writer, which was written from docs/format.md on its own. */
static void test_checksum(void **state) {
    unsigned char bytes[200];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 7 + 3);
    assert_int_equal(cz_checksum(bytes, 0), 0x9B3EBEB4u);
    assert_int_equal(cz_checksum(bytes, 1), 0x2C463A36u);
    assert_int_equal(cz_checksum(bytes, 64), 0x1B171258u);
    assert_int_equal(cz_checksum(bytes, 200), 0x324243B2u);
    memset(bytes + 56, 0, 8);
    const uint32_t expected = cz_checksum(bytes, 200);
    memset(bytes + 56, 0xEE, 8);
    assert_int_equal(cz_checksum_head(bytes, 200), expected);
    memset(bytes, 0, sizeof bytes);
    assert_int_not_equal(cz_checksum(bytes, 64), cz_checksum(bytes, 63)); /* the length counts */
}

static void test_utf8(void **state) {
    static const char *const good[] = {"",
                                       "a",
                                       "\x7F",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2\x41",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xE1\x80",
                                      "\xE1\x80\x41",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF1\x80\x80",
                                      "\xF1\x80\x80\x7F",
                                      "\xF5\x80\x80\x80",
                                      "\xFF"};
    (void)state;
    for (size_t i = 0; i < CZ_COUNT(good); i++) assert_true(cz_utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < CZ_COUNT(bad); i++) assert_false(cz_utf8_valid(bad[i], strlen(bad[i])));
    assert_false(cz_utf8_valid("a\0b", 3));
}

/* ---------------------------------------------------------------- */

static const char *write_directory;
static FILE *write_list;

static void write_bad(const char *name, const unsigned char *bytes, size_t size, int32_t code, const char *text) {
    char path[1024];
    (void)text;
    (void)snprintf(path, sizeof path, "%s/%s.czw", write_directory, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes, 1, size, f) != size) perror(path);
    if (f != NULL) fclose(f);
    fprintf(write_list, "%s %d\n", name, (int)code);
}

static int write_all(const char *directory) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/list.txt", directory);
    write_directory = directory;
    write_list = fopen(path, "w");
    if (write_list == NULL) {
        perror(path);
        return 1;
    }
    each_bad_file(write_bad);
    return fclose(write_list) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),  cmocka_unit_test(test_truncations), cmocka_unit_test(test_flips),
        cmocka_unit_test(test_edges),    cmocka_unit_test(test_named),       cmocka_unit_test(test_allocation_fails),
        cmocka_unit_test(test_checksum), cmocka_unit_test(test_utf8),
    };
    if (argc == 3 && strcmp(argv[1], "--write") == 0) return write_all(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
