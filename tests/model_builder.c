/* SPDX-License-Identifier: BSD-2-Clause */
#define _POSIX_C_SOURCE 200112L /* posix_memalign */

#include "model_builder.h"

#include "plan/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_INPUT = 1u << 16, KIND_CONSTANT = 2u << 16, KIND_OP = 3u << 16 };

static void require(bool condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "model_builder: %s\n", what);
    abort();
}

unsigned char *mb_exact(size_t size) {
    void *p = NULL;
    require(posix_memalign(&p, CZ_ALIGN, size) == 0, "out of memory");
    return p;
}

/* ---------------------------------------------------------------- rows */

mb_tensor mb_input(mb_model *m, const char *name, uint32_t multiple, uint32_t h, uint32_t w, uint32_t c) {
    require(m->n_inputs < MB_INPUTS, "too many inputs");
    const uint32_t i = m->n_inputs++;
    m->inputs[i].name = name;
    m->inputs[i].multiple = multiple;
    memcpy(m->inputs[i].dims, (uint32_t[4]){1, h, w, c}, 16);
    return KIND_INPUT | i;
}

static size_t block_bytes(uint32_t dtype, const cz_shape *s) {
    const size_t n = cz_elements(s);
    return dtype == CZ_F32 ? 4 * n : dtype == CZ_F16 ? 2 * n : n + 4 * (size_t)s->d[0];
}

mb_tensor mb_block(mb_model *m, const char *name, uint32_t dtype, cz_shape shape, const void *block) {
    require(m->n_constants < MB_CONSTANTS, "too many constants");
    const uint32_t i = m->n_constants++;
    mb_constant_row *c = &m->constants[i];
    *c = (mb_constant_row){.name = name, .dtype = dtype, .bytes = block_bytes(dtype, &shape)};
    memcpy(c->dims, shape.d, sizeof c->dims);
    c->block = malloc(c->bytes);
    require(c->block != NULL, "out of memory");
    memcpy(c->block, block, c->bytes);
    return KIND_CONSTANT | i;
}

/** A generator of its own, so that every machine builds the same bytes. */
static uint32_t next(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

mb_tensor mb_constant(mb_model *m, const char *name, uint32_t dtype, uint32_t n, uint32_t h, uint32_t w, uint32_t c) {
    const cz_shape shape = {{n, h, w, c}};
    const size_t count = cz_elements(&shape), bytes = block_bytes(dtype, &shape);
    unsigned char *block = malloc(bytes), *p = block;
    uint32_t state = (uint32_t)count * 2654435761u + m->n_constants;
    require(block != NULL, "out of memory");
    for (size_t i = 0; dtype == CZ_I8 && i < n; i++, p += 4) {
        const float scale = (float)(1 + next(&state) % 16) / 2048;
        memcpy(p, &scale, sizeof scale);
    }
    for (size_t i = 0; i < count; i++) {
        const float value = ((float)(next(&state) % 513) - 256) / 512;        /* -0.5 .. 0.5 */
        const uint16_t half = (uint16_t)(0x2800u + (next(&state) & 0x8BFFu)); /* +-2^-5 .. +-2^-3 */
        if (dtype == CZ_F32) memcpy(p + 4 * i, &value, 4);
        if (dtype == CZ_F16) memcpy(p + 2 * i, &half, 2);
        if (dtype == CZ_I8) p[i] = (unsigned char)next(&state);
    }
    const mb_tensor t = mb_block(m, name, dtype, shape, block);
    free(block);
    return t;
}

mb_tensor mb_vector(mb_model *m, const char *name, uint32_t c) { return mb_constant(m, name, CZ_F32, 1, 1, 1, c); }

mb_tensor mb_op(mb_model *m, const char *name, uint32_t id, const cz_attr *attr, const mb_tensor *in, uint32_t count) {
    require(m->n_ops < MB_OPS && count <= CZ_MAX_INPUTS, "too many operators or inputs");
    const uint32_t i = m->n_ops++;
    m->ops[i] = (mb_op_row){.name = name, .id = id, .attr = *attr};
    for (uint32_t k = 0; k < CZ_MAX_INPUTS; k++) m->ops[i].in[k] = k < count ? in[k] : CZ_NO_TENSOR;
    return KIND_OP | i;
}

mb_tensor mb_op3(mb_model *m, uint32_t id, const cz_attr *attr, mb_tensor a, mb_tensor b, mb_tensor c) {
    return mb_op(m, "", id, attr, (mb_tensor[3]){a, b, c}, 3);
}

void mb_output(mb_model *m, const char *name, mb_tensor tensor) {
    require(m->n_outputs < MB_OUTPUTS, "too many outputs");
    m->outputs[m->n_outputs].name = name;
    m->outputs[m->n_outputs++].tensor = tensor;
}

void mb_metadata(mb_model *m, const char *key, const char *value) {
    require(m->n_metadata < MB_METADATA, "too much metadata");
    m->metadata[m->n_metadata].key = key;
    m->metadata[m->n_metadata++].value = value;
}

void mb_free(mb_model *m) {
    for (uint32_t i = 0; i < m->n_constants; i++) free(m->constants[i].block);
    *m = (mb_model){0};
}

cz_attr mb_attr(uint32_t id) {
    cz_attr attr = {{0}};
    const cz_attr_info *row = cz_op_find(id)->attributes;
    for (size_t k = 0; row[k].name[0] != 0; k++)
        if (!row[k].is_float && row[k].low.i > 0) attr.words[k] = (uint32_t)row[k].low.i;
    if (id == CZ_OP_matmul) attr.matmul.alpha = 1;
    if (id == CZ_OP_attention) attr.attention.scale = 1;
    if (id == CZ_OP_softmax) attr.softmax.temperature = 1;
    if (id == CZ_OP_layer_norm) attr.layer_norm.eps = 1e-5f;
    if (id == CZ_OP_quantize) attr.quantize.scale = 1;
    if (id == CZ_OP_conv2d_i8) attr.conv2d_i8.x_scale = 1;
    if (id == CZ_OP_transpose) attr.transpose = (cz_attr_transpose){0, 1, 2, 3};
    return attr;
}

/* ---------------------------------------------------------------- the file */

/** Bytes that grow at the end. */
typedef struct sink {
    unsigned char *p;
    size_t n, room;
} sink;

static void add(sink *s, const void *data, size_t n) {
    if (s->n + n > s->room) {
        s->room = 2 * (s->n + n);
        s->p = realloc(s->p, s->room);
        require(s->p != NULL, "out of memory");
    }
    if (n > 0) memcpy(s->p + s->n, data, n);
    s->n += n;
}

static void add_u32(sink *s, uint32_t v) { add(s, &v, sizeof v); }
static void add_u64(sink *s, uint64_t v) { add(s, &v, sizeof v); }

static void add_zeros(sink *s, size_t n) {
    while (n-- > 0) add(s, "", 1);
}

static void add_align(sink *s) { add_zeros(s, (CZ_ALIGN - s->n % CZ_ALIGN) % CZ_ALIGN); }

/** Adds a string to the strings, and its place to the records. */
static void add_string(sink *records, sink *strings, const char *text) {
    add_u32(records, (uint32_t)strings->n);
    add_u32(records, (uint32_t)strlen(text));
    add(strings, text, strlen(text));
}

static uint32_t tensor_id(const mb_model *m, mb_tensor t) {
    const uint32_t index = t & 0xFFFF;
    if (t == CZ_NO_TENSOR) return t;
    if (t < KIND_CONSTANT) return index;
    return t < KIND_OP ? m->n_inputs + index : m->n_inputs + m->n_constants + index;
}

static size_t align(size_t n) { return (n + CZ_ALIGN - 1) / CZ_ALIGN * CZ_ALIGN; }

/** Constant records with offsets from the payload's beginning; mb_write adds that once it is known. */
static void add_constants(const mb_model *m, sink *r, sink *strings) {
    size_t end = 0;
    for (uint32_t i = 0; i < m->n_constants; i++) {
        const mb_constant_row *c = &m->constants[i];
        add_string(r, strings, c->name);
        add_u32(r, c->dtype);
        add_u32(r, 0);
        add(r, c->dims, sizeof c->dims);
        add_u64(r, align(end));
        add_u64(r, c->bytes);
        end = align(end) + c->bytes;
    }
}

static void add_ops(const mb_model *m, sink *r, sink *strings) {
    for (uint32_t i = 0; i < m->n_ops; i++) {
        const mb_op_row *op = &m->ops[i];
        add_string(r, strings, op->name);
        add_u32(r, op->id);
        add_u32(r, 0);
        for (int k = 0; k < CZ_MAX_INPUTS; k++) add_u32(r, tensor_id(m, op->in[k]));
        add(r, op->attr.words, sizeof op->attr.words);
        add_zeros(r, 16);
    }
}

static void add_records(const mb_model *m, sink *r, sink *strings) {
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        add_string(r, strings, m->inputs[i].name);
        add_u32(r, m->inputs[i].multiple);
        add_u32(r, 0);
        add(r, m->inputs[i].dims, sizeof m->inputs[i].dims);
    }
    add_constants(m, r, strings);
    add_ops(m, r, strings);
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        add_string(r, strings, m->outputs[i].name);
        add_u32(r, tensor_id(m, m->outputs[i].tensor));
        add_u32(r, 0);
    }
    for (uint32_t i = 0; i < m->n_metadata; i++) {
        add_string(r, strings, m->metadata[i].key);
        add_string(r, strings, m->metadata[i].value);
    }
}

static void write_header(const mb_model *m, sink *f, size_t string_bytes, size_t payload) {
    sink h = {0};
    add(&h,
        "\x89"
        "CZW\r\n\x1a\n",
        8);
    add_u32(&h, 1);
    add_u32(&h, 0);
    add_u64(&h, f->n);
    add(&h, (uint32_t[5]){m->n_inputs, m->n_constants, m->n_ops, m->n_outputs, m->n_metadata}, 20);
    add_u32(&h, (uint32_t)string_bytes);
    add_u64(&h, payload);
    memcpy(f->p, h.p, h.n);
    free(h.p);
}

void mb_write(const mb_model *m, unsigned char **bytes_out, size_t *size) {
    sink f = {0}, strings = {0};
    add_zeros(&f, CZ_FILE_HEADER);
    add_records(m, &f, &strings);
    add(&f, strings.p, strings.n);
    add_align(&f);
    const size_t payload = f.n;
    for (uint32_t i = 0; i < m->n_constants; i++) {
        unsigned char *offset = f.p + CZ_FILE_HEADER + 32 * m->n_inputs + 48 * i + 32;
        uint64_t at;
        memcpy(&at, offset, sizeof at);
        at += payload;
        memcpy(offset, &at, sizeof at);
        add_align(&f);
        add(&f, m->constants[i].block, m->constants[i].bytes);
    }
    write_header(m, &f, strings.n, payload);
    *bytes_out = mb_exact(f.n);
    *size = f.n;
    memcpy(*bytes_out, f.p, f.n);
    free(f.p);
    free(strings.p);
    mb_seal(*bytes_out, *size);
}

void mb_seal(unsigned char *bytes, size_t size) {
    uint64_t payload;
    if (size < CZ_FILE_HEADER) return;
    memcpy(&payload, bytes + 48, sizeof payload);
    if (payload < CZ_FILE_HEADER || payload > size) return;
    const uint32_t head = cz_checksum_head(bytes, (size_t)payload);
    const uint32_t body = cz_checksum(bytes + payload, size - (size_t)payload);
    memcpy(bytes + 56, &head, sizeof head);
    memcpy(bytes + 60, &body, sizeof body);
}

/* ---------------------------------------------------------------- as a file */

/** What is left of the bytes. */
typedef struct tail {
    const unsigned char *p;
    size_t n;
} tail;

static int32_t read_tail(void *user, void *to, size_t size, cz_error *err) {
    tail *t = user;
    if (size > t->n) return cz_fail(err, COLORIZER_E_IO, "%zu bytes of %zu", size, t->n);
    memcpy(to, t->p, size);
    t->p += size;
    t->n -= size;
    return COLORIZER_OK;
}

static void *small_alloc(void *user, uint64_t size, uint64_t alignment) {
    (void)user;
    (void)alignment;
    return size > MB_STREAMED ? NULL : mb_exact((size_t)size);
}

static void small_free(void *user, void *ptr, uint64_t size) {
    (void)user;
    (void)size;
    free(ptr);
}

int32_t mb_open_streamed(const unsigned char *bytes, size_t size, cz_error *err) {
    const cz_alloc alloc = cz_alloc_make(small_alloc, small_free, NULL);
    const size_t held = cz_file_head_bytes(bytes, size);
    unsigned char *head = mb_exact(held);
    tail rest = {bytes + held, size - held};
    cz_file file;
    cz_model *m = NULL;
    cz_weights *w = NULL;
    if (held > 0) memcpy(head, bytes, held);
    int32_t status = cz_file_open_head(&file, head, held, size, err);
    if (status == COLORIZER_OK) status = cz_model_make(&m, &file, &alloc, err);
    if (status == COLORIZER_OK)
        status = cz_weights_read(&w, m, &file, read_tail, &rest, COLORIZER_CPU_SCALAR, &alloc, err);
    if (status == COLORIZER_OK && rest.n != 0) status = cz_fail(err, COLORIZER_E_IO, "%zu bytes are not read", rest.n);
    cz_weights_free(w, &alloc);
    cz_model_free(m, &alloc);
    free(head);
    return status;
}

/* ---------------------------------------------------------------- every operator */

/* Constants are made in statements of their own: the order of a call's arguments is the compiler's choice. */

/** Convolutions: x [1,H,W,4] -> [1,H,W,8] by way of H / 2. */
static mb_tensor convolutions(mb_model *m, mb_tensor x) {
    cz_attr a = mb_attr(CZ_OP_conv2d);
    a.conv2d.stride_h = a.conv2d.stride_w = 2;
    a.conv2d.pad_top = a.conv2d.pad_left = 1;
    a.conv2d.act = CZ_ACT_CLAMP;
    a.conv2d.act_p1 = 6;
    const mb_tensor w = mb_constant(m, "conv.w", CZ_F16, 8, 3, 3, 4), b = mb_vector(m, "conv.b", 8);
    const mb_tensor half = mb_op3(m, CZ_OP_conv2d, &a, x, w, b);
    a = mb_attr(CZ_OP_conv2d);
    a.conv2d.groups = 8;
    a.conv2d.pad_top = a.conv2d.pad_left = a.conv2d.pad_bottom = a.conv2d.pad_right = 1;
    a.conv2d.pad_mode = 1;
    a.conv2d.act = CZ_ACT_SILU;
    a.conv2d.residual = 2;
    const mb_tensor filter = mb_constant(m, "depthwise.w", CZ_I8, 8, 3, 3, 1);
    const mb_tensor scale = mb_vector(m, "scale", 8), shift = mb_vector(m, "shift", 8);
    const mb_tensor in[6] = {half, filter, CZ_NO_TENSOR, scale, shift, half};
    const mb_tensor depthwise = mb_op(m, "depthwise", CZ_OP_conv2d, &a, in, 6);
    a = mb_attr(CZ_OP_conv_transpose2d);
    a.conv_transpose2d.stride_h = a.conv_transpose2d.stride_w = 2;
    a.conv_transpose2d.pad_top = a.conv_transpose2d.pad_left = 1;
    a.conv_transpose2d.pad_bottom = a.conv_transpose2d.pad_right = 1;
    a.conv_transpose2d.act = CZ_ACT_LEAKY_RELU;
    return mb_op3(m, CZ_OP_conv_transpose2d, &a, depthwise, mb_constant(m, "up.w", CZ_F32, 8, 4, 4, 8), CZ_NO_TENSOR);
}

/** Tokens: x [1,H,W,8] -> the same, by norm, linear, attention and a matrix product. */
static mb_tensor tokens(mb_model *m, mb_tensor x) {
    cz_attr a = mb_attr(CZ_OP_layer_norm);
    const mb_tensor gamma = mb_vector(m, "gamma", 8), beta = mb_vector(m, "beta", 8);
    const mb_tensor norm = mb_op3(m, CZ_OP_layer_norm, &a, x, gamma, beta);
    a = mb_attr(CZ_OP_linear);
    a.linear.act = CZ_ACT_GELU;
    const mb_tensor wide = mb_op3(m, CZ_OP_linear, &a, norm, mb_constant(m, "wide.w", CZ_I8, 8, 1, 1, 8), CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_attention);
    a.attention.heads = 2;
    a.attention.scale = 0.5f;
    const mb_tensor mixed = mb_op3(m, CZ_OP_attention, &a, wide, wide, norm);
    a = mb_attr(CZ_OP_softmax);
    a.softmax.axis = 3;
    const mb_tensor share = mb_op3(m, CZ_OP_softmax, &a, mixed, CZ_NO_TENSOR, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_matmul);
    a.matmul.transpose_b = 1;
    const mb_tensor product =
        mb_op3(m, CZ_OP_matmul, &a, share, mb_constant(m, "matrix", CZ_F32, 1, 1, 8, 8), CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_activation);
    a.activation.act = CZ_ACT_TANH;
    return mb_op3(m, CZ_OP_activation, &a, product, CZ_NO_TENSOR, CZ_NO_TENSOR);
}

/** Shapes: x [1,H,W,8] with H, W multiples of 8 -> [1,H,W,2]. */
static mb_tensor shapes(mb_model *m, mb_tensor x) {
    cz_attr a = mb_attr(CZ_OP_pool2d);
    a.pool2d = (cz_attr_pool2d){
        .kind = 1, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .pad_top = 1, .pad_left = 1};
    const mb_tensor pool = mb_op3(m, CZ_OP_pool2d, &a, x, CZ_NO_TENSOR, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_global_pool);
    const mb_tensor peak = mb_op3(m, CZ_OP_global_pool, &a, pool, CZ_NO_TENSOR, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_mul);
    const mb_tensor scaled = mb_op3(m, CZ_OP_mul, &a, pool, peak, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_pixel_shuffle);
    a.pixel_shuffle.factor = 2;
    const mb_tensor shuffled = mb_op3(m, CZ_OP_pixel_shuffle, &a, scaled, CZ_NO_TENSOR, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_resize);
    a.resize.mode = 1;
    const mb_tensor sized = mb_op3(m, CZ_OP_resize, &a, pool, shuffled, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_slice);
    a.slice = (cz_attr_slice){.axis = 3, .begin = 0, .end = 0x7fffffff, .step = 4};
    const mb_tensor sliced = mb_op3(m, CZ_OP_slice, &a, sized, CZ_NO_TENSOR, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_add);
    const mb_tensor sum = mb_op3(m, CZ_OP_add, &a, sliced, shuffled, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_concat);
    a.concat.axis = 3;
    const mb_tensor both = mb_op3(m, CZ_OP_concat, &a, sum, sliced, shuffled);
    a = mb_attr(CZ_OP_pad);
    a.pad = (cz_attr_pad){.pad_top = 1, .pad_right = 2, .mode = 2};
    const mb_tensor padded = mb_op3(m, CZ_OP_pad, &a, both, CZ_NO_TENSOR, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_transpose);
    a.transpose = (cz_attr_transpose){0, 3, 1, 2};
    const mb_tensor planes = mb_op3(m, CZ_OP_transpose, &a, padded, CZ_NO_TENSOR, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_reshape);
    a.reshape = (cz_attr_reshape){.n = 1, .h = 1, .w = 6, .c = -1};
    const mb_tensor flat = mb_op3(m, CZ_OP_reshape, &a, planes, CZ_NO_TENSOR, CZ_NO_TENSOR);
    mb_output(m, "flat", flat);
    return sum;
}

/** u8: x [1,H,W,8] -> the same, by way of an odd number of channels. */
static mb_tensor integers(mb_model *m, mb_tensor x) {
    cz_attr a = mb_attr(CZ_OP_quantize);
    a.quantize = (cz_attr_quantize){.scale = 0.01f, .zero = 60};
    const mb_tensor q = mb_op3(m, CZ_OP_quantize, &a, x, CZ_NO_TENSOR, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_conv2d_i8);
    a.conv2d_i8.pad_top = a.conv2d_i8.pad_left = a.conv2d_i8.pad_bottom = a.conv2d_i8.pad_right = 1;
    a.conv2d_i8.x_scale = 0.01f;
    a.conv2d_i8.x_zero = 60;
    a.conv2d_i8.out_scale = 0.05f;
    a.conv2d_i8.out_zero = 5;
    const mb_tensor w = mb_constant(m, "dense.w", CZ_I8, 5, 3, 3, 8), b = mb_vector(m, "dense.b", 5);
    const mb_tensor dense = mb_op3(m, CZ_OP_conv2d_i8, &a, q, w, b);
    a.conv2d_i8.x_scale = 0.05f;
    a.conv2d_i8.x_zero = 5;
    a.conv2d_i8.groups = 5;
    const mb_tensor each = mb_constant(m, "each.w", CZ_I8, 5, 3, 3, 1);
    const mb_tensor depthwise = mb_op3(m, CZ_OP_conv2d_i8, &a, dense, each, CZ_NO_TENSOR);
    a = mb_attr(CZ_OP_conv2d_i8);
    a.conv2d_i8.x_scale = 0.05f;
    a.conv2d_i8.x_zero = 5;
    a.conv2d_i8.residual = 1;
    const mb_tensor back = mb_constant(m, "back.w", CZ_I8, 8, 1, 1, 5);
    const mb_tensor in[6] = {depthwise, back, CZ_NO_TENSOR, CZ_NO_TENSOR, CZ_NO_TENSOR, x};
    return mb_op(m, "back", CZ_OP_conv2d_i8, &a, in, 6);
}

void mb_every_operator(mb_model *m) {
    const mb_tensor x = mb_input(m, "image", 8, 0, 0, 4);
    mb_output(m, "colour", shapes(m, tokens(m, integers(m, convolutions(m, x)))));
    mb_metadata(m, "name", "every operator");
}
