/* SPDX-License-Identifier: BSD-2-Clause
 * Nothing here trusts a number of the file before it is checked. Counts are capped first, so the record area's size
 * cannot overflow; every offset is derived, then compared with what is stored. */
#include "file/czw.h"

#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights are used in place: this library needs a little-endian machine"
#endif

static const size_t record_bytes[CZ_FILE_PARTS] = {32, 48, 128, 16, 16};
static const uint32_t least_records[CZ_FILE_PARTS] = {1, 0, 1, 1, 0};
static const uint32_t most_records[CZ_FILE_PARTS] = {CZ_FILE_MAX_INPUTS, CZ_FILE_MAX_RECORDS, CZ_FILE_MAX_RECORDS,
                                                     CZ_FILE_MAX_OUTPUTS, CZ_FILE_MAX_METADATA};
static const char part_name[CZ_FILE_PARTS][9] = {"input", "constant", "operator", "output", "metadata"};

static uint32_t read_u32(const unsigned char *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t read_u64(const unsigned char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static const unsigned char *record(const cz_file *f, enum cz_file_part part, uint32_t i) {
    return f->bytes + f->begin[part] + i * record_bytes[part];
}

/** The string whose offset and length stand at p; valid once cz_file_open accepted the file. */
static cz_text text_at(const cz_file *f, const unsigned char *p) {
    return (cz_text){(const char *)f->bytes + f->strings + read_u32(p), read_u32(p + 4)};
}

/* ---------------------------------------------------------------- header */

static int32_t check_start(const unsigned char *p, size_t size, cz_error *err) {
    static const unsigned char magic[8] = {0x89, 'C', 'Z', 'W', '\r', '\n', 0x1A, '\n'};
    if (size < CZ_FILE_HEADER)
        return cz_fail(err, COLORIZER_E_FORMAT, "file: %zu bytes are shorter than the header", size);
    if (memcmp(p, magic, sizeof magic) != 0) return cz_fail(err, COLORIZER_E_FORMAT, "header: magic: not a .czw file");
    if (read_u32(p + 8) != CZ_FILE_VERSION)
        return cz_fail(err, COLORIZER_E_VERSION, "header: version: %u is not %u", (unsigned)read_u32(p + 8),
                       CZ_FILE_VERSION);
    if (read_u32(p + 12) != 0)
        return cz_fail(err, COLORIZER_E_VERSION, "header: flags: 0x%x are not known", (unsigned)read_u32(p + 12));
    if (read_u64(p + 16) != size)
        return cz_fail(err, COLORIZER_E_FORMAT, "header: file_size: %llu is not the %zu bytes given",
                       (unsigned long long)read_u64(p + 16), size);
    return COLORIZER_OK;
}

/** Reads the counts and derives where every part begins. */
static int32_t check_counts(cz_file *f, cz_error *err) {
    size_t at = CZ_FILE_HEADER;
    for (int part = 0; part < CZ_FILE_PARTS; part++) {
        const uint32_t n = read_u32(f->bytes + 24 + 4 * part);
        if (n < least_records[part] || n > most_records[part])
            return cz_fail(err, COLORIZER_E_FORMAT, "header: %s count: %u is not in %u..%u", part_name[part],
                           (unsigned)n, (unsigned)least_records[part], (unsigned)most_records[part]);
        f->count[part] = n;
        f->begin[part] = at;
        at += n * record_bytes[part]; /* at most 4096 * 128 each */
    }
    f->strings = at;
    f->string_bytes = read_u32(f->bytes + 44);
    if (f->string_bytes > CZ_FILE_MAX_STRINGS)
        return cz_fail(err, COLORIZER_E_FORMAT, "header: string_bytes: %u is above %u", (unsigned)f->string_bytes,
                       CZ_FILE_MAX_STRINGS);
    f->payload = (at + f->string_bytes + CZ_ALIGN - 1) & ~(size_t)(CZ_ALIGN - 1);
    if (read_u64(f->bytes + 48) != f->payload)
        return cz_fail(err, COLORIZER_E_FORMAT, "header: payload_offset: %llu is not %zu",
                       (unsigned long long)read_u64(f->bytes + 48), f->payload);
    if (f->payload > f->held)
        return cz_fail(err, COLORIZER_E_FORMAT, "header: the records need %zu bytes, the file has %zu", f->payload,
                       f->held);
    return COLORIZER_OK;
}

uint32_t cz_checksum_head(const void *bytes, size_t size) {
    unsigned char header[CZ_FILE_HEADER];
    cz_sum s;
    memcpy(header, bytes, sizeof header);
    memset(header + 56, 0, 8);
    cz_checksum_start(&s);
    cz_checksum_add(&s, header, sizeof header);
    cz_checksum_add(&s, (const unsigned char *)bytes + CZ_FILE_HEADER, size - CZ_FILE_HEADER);
    return cz_checksum_end(&s);
}

static int32_t check_head(const cz_file *f, cz_error *err) {
    if (cz_checksum_head(f->bytes, f->payload) != read_u32(f->bytes + 56))
        return cz_fail(err, COLORIZER_E_CHECKSUM, "header: head_checksum does not match: the records are damaged");
    const size_t end = f->strings + f->string_bytes;
    if (!cz_file_zeros(f->bytes + end, f->payload - end))
        return cz_fail(err, COLORIZER_E_FORMAT, "strings: the bytes after them are not zero");
    return COLORIZER_OK;
}

/* ---------------------------------------------------------------- strings */

/** A record being checked: where it stands, for error texts, and the strings used so far. */
typedef struct checker {
    const cz_file *file;
    cz_error *err;
    const char *part;
    uint32_t index;
    uint32_t string_end; /* the next string begins here */
    size_t block_end;    /* the payload block before ends here */
} checker;

static int32_t fail_u(const checker *c, int32_t code, const char *field, unsigned long long value, const char *what) {
    return cz_fail(c->err, code, "%s %u: %s: %llu %s", c->part, (unsigned)c->index, field, value, what);
}

/** Checks the string whose offset and length stand at p. */
static int32_t check_string(checker *c, const unsigned char *p, const char *field, uint32_t least, uint32_t most) {
    const uint32_t offset = read_u32(p), length = read_u32(p + 4);
    if (offset != c->string_end)
        return fail_u(c, COLORIZER_E_FORMAT, field, offset, "is not the end of the string before");
    if (length < least || length > most)
        return fail_u(c, COLORIZER_E_FORMAT, field, length, "bytes are too few or too many");
    if (length > c->file->string_bytes - offset)
        return fail_u(c, COLORIZER_E_FORMAT, field, length, "bytes pass the end of the strings");
    const cz_text text = text_at(c->file, p);
    if (!cz_utf8_valid(text.data, text.size))
        return fail_u(c, COLORIZER_E_FORMAT, field, length, "bytes that are not UTF-8 without NUL");
    c->string_end = offset + length;
    return COLORIZER_OK;
}

/** No two records of a part share a name that is not empty. At most 4096 names of 2^20 bytes together. */
static int32_t check_unique(checker *c, enum cz_file_part part) {
    for (uint32_t i = 1; i < c->file->count[part]; i++) {
        const cz_text name = text_at(c->file, record(c->file, part, i));
        if (name.size == 0) continue;
        for (uint32_t k = 0; k < i; k++)
            if (cz_text_equal(name, text_at(c->file, record(c->file, part, k)))) {
                c->part = part_name[part];
                c->index = i;
                return fail_u(c, COLORIZER_E_FORMAT, "name", k, "has the same one");
            }
    }
    return COLORIZER_OK;
}

/* ---------------------------------------------------------------- records */

/** The product of four dimensions of at least 1; false when one is 0 or the product is above CZ_FILE_MAX_ELEMENTS. */
static bool elements(const uint32_t d[4], size_t *out) {
    uint64_t n = 1;
    for (int i = 0; i < 4; i++) {
        if (d[i] == 0 || d[i] > CZ_FILE_MAX_ELEMENTS) return false;
        n *= d[i]; /* at most 2^29 times 2^29 */
        if (n > CZ_FILE_MAX_ELEMENTS) return false;
    }
    *out = (size_t)n;
    return true;
}

static int32_t check_input(checker *c, const unsigned char *p) {
    const int32_t status = check_string(c, p, "name", 1, CZ_FILE_MAX_NAME);
    if (status != COLORIZER_OK) return status;
    cz_file_input in;
    size_t n;
    cz_file_get_input(c->file, c->index, &in);
    if (in.multiple < 1 || in.multiple > CZ_FILE_MAX_MULTIPLE)
        return fail_u(c, COLORIZER_E_FORMAT, "multiple", in.multiple, "is not in 1..1024");
    if (read_u32(p + 12) != 0) return fail_u(c, COLORIZER_E_FORMAT, "reserved", read_u32(p + 12), "is not 0");
    if (in.dims[0] != 1) return fail_u(c, COLORIZER_E_FORMAT, "dims[0]", in.dims[0], "is not 1");
    const bool dynamic = in.dims[1] == 0 && in.dims[2] == 0;
    const uint32_t least[4] = {1, dynamic ? 1 : in.dims[1], dynamic ? 1 : in.dims[2], in.dims[3]};
    if (!elements(least, &n))
        return fail_u(c, COLORIZER_E_FORMAT, "dims", in.dims[3], "channels: a dimension is 0 or the product too large");
    if (!dynamic && in.multiple != 1)
        return fail_u(c, COLORIZER_E_FORMAT, "multiple", in.multiple, "is not 1 where the size is fixed");
    return COLORIZER_OK;
}

/** Checks where a constant's block lies and its size. */
static int32_t check_block(checker *c, const cz_file_constant *k, uint64_t offset, uint64_t size, size_t n) {
    static const size_t sample_bytes[] = {[CZ_FILE_F32] = 4, [CZ_FILE_F16] = 2, [CZ_FILE_I8] = 1};
    const cz_file *f = c->file;
    size_t begin, expected;
    if (!cz_align_up(c->block_end, &begin) || offset != begin)
        return fail_u(c, COLORIZER_E_FORMAT, "payload offset", offset, "is not the next multiple of 64");
    /* n is at most 2^29 and scales at most n: no overflow even where size_t has 32 bits, i8 apart */
    if (!cz_mul(n, sample_bytes[k->dtype], &expected) || !cz_add(expected, 4 * k->scales, &expected) ||
        size != expected)
        return fail_u(c, COLORIZER_E_FORMAT, "payload bytes", size, "are not what dtype and dims need");
    if (begin > f->size || expected > f->size - begin)
        return fail_u(c, COLORIZER_E_FORMAT, "payload bytes", size, "pass the end of the file");
    c->block_end = begin + expected;
    return COLORIZER_OK;
}

static int32_t check_constant(checker *c, const unsigned char *p) {
    const int32_t status = check_string(c, p, "name", 0, CZ_FILE_MAX_NAME);
    if (status != COLORIZER_OK) return status;
    cz_file_constant k;
    size_t n;
    cz_file_get_constant(c->file, c->index, &k);
    if (k.dtype < CZ_FILE_F32 || k.dtype > CZ_FILE_I8)
        return fail_u(c, COLORIZER_E_VERSION, "dtype", k.dtype, "is not known");
    if (read_u32(p + 12) != 0) return fail_u(c, COLORIZER_E_FORMAT, "reserved", read_u32(p + 12), "is not 0");
    if (!elements(k.dims, &n))
        return fail_u(c, COLORIZER_E_FORMAT, "dims", k.dims[3], "channels: a dimension is 0 or the product too large");
    return check_block(c, &k, read_u64(p + 32), read_u64(p + 40), n);
}

static int32_t check_operator(checker *c, const unsigned char *p) {
    const int32_t status = check_string(c, p, "name", 0, CZ_FILE_MAX_NAME);
    if (status != COLORIZER_OK) return status;
    cz_file_operator op;
    cz_file_get_operator(c->file, c->index, &op);
    if (read_u32(p + 12) != 0) return fail_u(c, COLORIZER_E_FORMAT, "reserved", read_u32(p + 12), "is not 0");
    const uint32_t known = c->file->count[CZ_FILE_INPUT] + c->file->count[CZ_FILE_CONSTANT] + c->index;
    for (size_t i = 0; i < CZ_COUNT(op.inputs); i++)
        if (op.inputs[i] != CZ_FILE_NO_TENSOR && op.inputs[i] >= known)
            return cz_fail(c->err, COLORIZER_E_FORMAT, "operator %u: input %u: tensor %u does not come before it",
                           (unsigned)c->index, (unsigned)i, (unsigned)op.inputs[i]);
    if (!cz_file_zeros(p + 112, 16))
        return fail_u(c, COLORIZER_E_FORMAT, "reserved", 16, "bytes at the end are not all 0");
    return COLORIZER_OK;
}

static int32_t check_output(checker *c, const unsigned char *p) {
    const int32_t status = check_string(c, p, "name", 1, CZ_FILE_MAX_NAME);
    if (status != COLORIZER_OK) return status;
    const uint32_t tensor = read_u32(p + 8);
    const uint32_t first = c->file->count[CZ_FILE_INPUT] + c->file->count[CZ_FILE_CONSTANT];
    if (tensor < first || tensor - first >= c->file->count[CZ_FILE_OPERATOR])
        return fail_u(c, COLORIZER_E_FORMAT, "tensor", tensor, "is not an operator's");
    if (read_u32(p + 12) != 0) return fail_u(c, COLORIZER_E_FORMAT, "reserved", read_u32(p + 12), "is not 0");
    return COLORIZER_OK;
}

static int32_t check_metadata(checker *c, const unsigned char *p) {
    const int32_t status = check_string(c, p, "key", 1, CZ_FILE_MAX_NAME);
    return status != COLORIZER_OK ? status : check_string(c, p + 8, "value", 0, CZ_FILE_MAX_STRINGS);
}

static int32_t check_records(const cz_file *f, cz_error *err) {
    static int32_t (*const check[CZ_FILE_PARTS])(checker *, const unsigned char *) = {
        check_input, check_constant, check_operator, check_output, check_metadata};
    checker c = {.file = f, .err = err, .block_end = f->payload};
    int32_t status = COLORIZER_OK;
    for (int part = 0; part < CZ_FILE_PARTS; part++) {
        c.part = part_name[part];
        for (c.index = 0; c.index < f->count[part]; c.index++) {
            status = check[part](&c, record(f, (enum cz_file_part)part, c.index));
            if (status != COLORIZER_OK) return status;
        }
    }
    if (c.string_end != f->string_bytes)
        return cz_fail(err, COLORIZER_E_FORMAT, "strings: they end at %u, not at string_bytes %u",
                       (unsigned)c.string_end, (unsigned)f->string_bytes);
    if (c.block_end != f->size)
        return cz_fail(err, COLORIZER_E_FORMAT, "payload: it ends at %zu, not at file_size %zu", c.block_end, f->size);
    for (int part = 0; part < CZ_FILE_PARTS && status == COLORIZER_OK; part++)
        if (part != CZ_FILE_OPERATOR) status = check_unique(&c, (enum cz_file_part)part);
    return status;
}

size_t cz_file_head_bytes(const void *header, size_t size) {
    const uint64_t told = size < CZ_FILE_HEADER ? size : read_u64((const unsigned char *)header + 48);
    return cz_min(size, told > CZ_FILE_MAX_HEAD ? CZ_FILE_MAX_HEAD : cz_max((size_t)told, CZ_FILE_HEADER));
}

int32_t cz_file_open_head(cz_file *out, const void *bytes, size_t held, size_t size, cz_error *err) {
    cz_file f = {.bytes = bytes, .held = held, .size = size};
    *out = (cz_file){0};
    if ((uintptr_t)bytes % CZ_ALIGN != 0)
        return cz_fail(err, COLORIZER_E_BUFFER, "model: the bytes are not aligned to %u", CZ_ALIGN);
    int32_t status = check_start(bytes, size, err);
    if (status == COLORIZER_OK) status = check_counts(&f, err);
    if (status == COLORIZER_OK) status = check_head(&f, err);
    if (status == COLORIZER_OK) status = check_records(&f, err);
    if (status == COLORIZER_OK) *out = f;
    return status;
}

int32_t cz_file_open(cz_file *out, const void *bytes, size_t size, cz_error *err) {
    cz_payload p;
    int32_t status = cz_file_open_head(out, bytes, size, size, err);
    if (status != COLORIZER_OK) return status;
    cz_file_payload_start(&p);
    for (uint32_t i = 0; i < out->count[CZ_FILE_CONSTANT]; i++) {
        cz_file_constant k;
        cz_file_get_constant(out, i, &k);
        (void)cz_file_add_block(&p, out, i, out->bytes + k.offset, err);
    }
    status = cz_file_payload_end(&p, out, err);
    if (status != COLORIZER_OK) *out = (cz_file){0};
    return status;
}

/* ---------------------------------------------------------------- reading records */

void cz_file_get_input(const cz_file *f, uint32_t i, cz_file_input *out) {
    const unsigned char *p = record(f, CZ_FILE_INPUT, i);
    *out = (cz_file_input){.name = text_at(f, p), .multiple = read_u32(p + 8)};
    for (int k = 0; k < 4; k++) out->dims[k] = read_u32(p + 16 + 4 * k);
}

void cz_file_get_constant(const cz_file *f, uint32_t i, cz_file_constant *out) {
    const unsigned char *p = record(f, CZ_FILE_CONSTANT, i);
    *out = (cz_file_constant){.name = text_at(f, p),
                              .dtype = read_u32(p + 8),
                              .offset = (size_t)read_u64(p + 32),
                              .size = (size_t)read_u64(p + 40)};
    for (int k = 0; k < 4; k++) out->dims[k] = read_u32(p + 16 + 4 * k);
    out->scales = out->dtype == CZ_FILE_I8 ? out->dims[0] : 0;
}

void cz_file_get_operator(const cz_file *f, uint32_t i, cz_file_operator *out) {
    const unsigned char *p = record(f, CZ_FILE_OPERATOR, i);
    *out = (cz_file_operator){.name = text_at(f, p), .id = read_u32(p + 8)};
    memcpy(out->inputs, p + 16, sizeof out->inputs);
    memcpy(out->attributes, p + 48, sizeof out->attributes);
}

void cz_file_get_output(const cz_file *f, uint32_t i, cz_file_output *out) {
    const unsigned char *p = record(f, CZ_FILE_OUTPUT, i);
    *out = (cz_file_output){.name = text_at(f, p), .tensor = read_u32(p + 8)};
}

void cz_file_get_metadata(const cz_file *f, uint32_t i, cz_file_metadata *out) {
    const unsigned char *p = record(f, CZ_FILE_METADATA, i);
    *out = (cz_file_metadata){.key = text_at(f, p), .value = text_at(f, p + 8)};
}
