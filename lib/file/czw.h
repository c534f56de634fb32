/* SPDX-License-Identifier: BSD-2-Clause
 * The bytes of a .czw file, verified: docs/format.md in C. No allocation, no stdio, no recursion.
 *
 * A file is its head (header, records, strings), which is always in memory, and its payload: in memory too, or read
 * block by block. cz_file_open, or cz_file_open_head and cz_file_add_block for each block, check every rule but those
 * under "Limits" and "Operators"; what they accept can be read through the functions below without a further check. The
 * bytes must stay as they are while the view is used. */
#ifndef CZ_FILE_CZW_H
#define CZ_FILE_CZW_H

#include "base/base.h"
#include "base/error.h"

#define CZ_FILE_VERSION      1u
#define CZ_FILE_HEADER       64u
#define CZ_FILE_MAX_INPUTS   8u
#define CZ_FILE_MAX_OUTPUTS  64u
#define CZ_FILE_MAX_RECORDS  4096u /* constants, and operators */
#define CZ_FILE_MAX_METADATA 256u
#define CZ_FILE_MAX_STRINGS  (1u << 20)
#define CZ_FILE_MAX_NAME     255u
#define CZ_FILE_MAX_MULTIPLE 1024u
#define CZ_FILE_MAX_ELEMENTS ((uint64_t)1 << 29)
#define CZ_FILE_NO_TENSOR    0xFFFFFFFFu
#define CZ_FILE_MAX_HEAD     ((size_t)1 << 21) /* all records and strings that the limits above allow are less */

/** Sample types of constants. */
enum cz_file_dtype { CZ_FILE_F32 = 1, CZ_FILE_F16 = 2, CZ_FILE_I8 = 3 };

/** The parts of a file with records, in their order. */
enum cz_file_part {
    CZ_FILE_INPUT,
    CZ_FILE_CONSTANT,
    CZ_FILE_OPERATOR,
    CZ_FILE_OUTPUT,
    CZ_FILE_METADATA,
    CZ_FILE_PARTS
};

/** A verified file. */
typedef struct cz_file {
    const unsigned char *bytes;
    size_t held; /* how many there are: the head's or, where cz_file_open made this, all */
    size_t size; /* of the file */
    uint32_t count[CZ_FILE_PARTS];
    size_t begin[CZ_FILE_PARTS]; /* of the part's first record */
    size_t strings;              /* where the strings begin */
    uint32_t string_bytes;
    size_t payload; /* where the payload begins */
} cz_file;

/** A string of the file: UTF-8 without NUL, not terminated. */
typedef struct cz_text {
    const char *data;
    uint32_t size;
} cz_text;

typedef struct cz_file_input {
    cz_text name;
    uint32_t multiple;
    uint32_t dims[4]; /* H and W may both be 0: chosen when the model runs */
} cz_file_input;

typedef struct cz_file_constant {
    cz_text name;
    uint32_t dtype; /* enum cz_file_dtype */
    uint32_t dims[4];
    size_t offset; /* of the block in the file */
    size_t size;   /* of the block in bytes */
    size_t scales; /* number of f32 scales that the block begins with; 0 but for i8 */
} cz_file_constant;

typedef struct cz_file_operator {
    cz_text name;
    uint32_t id;             /* may be one this library does not know: the model looks */
    uint32_t inputs[8];      /* ids of tensors that come before, or CZ_FILE_NO_TENSOR */
    uint32_t attributes[16]; /* words that the operator's row gives a meaning */
} cz_file_operator;

typedef struct cz_file_output {
    cz_text name;
    uint32_t tensor;
} cz_file_output;

typedef struct cz_file_metadata {
    cz_text key;
    cz_text value;
} cz_file_metadata;

/** The checksum of docs/format.md, of bytes that come in pieces: each but the last of whole multiples of 64. */
#define CZ_SUM_LANES 16u
typedef struct cz_sum {
    uint32_t lane[CZ_SUM_LANES];
    uint64_t size;
} cz_sum;
void cz_checksum_start(cz_sum *s);
void cz_checksum_add(cz_sum *s, const void *bytes, size_t size);
uint32_t cz_checksum_end(const cz_sum *s);
/** The same over `size` bytes. */
uint32_t cz_checksum(const void *bytes, size_t size);
/** The checksum of a file's first `size` bytes, size >= CZ_FILE_HEADER, with both checksum fields taken as zero. */
uint32_t cz_checksum_head(const void *bytes, size_t size);

/** Verifies `size` bytes. @return OK, or E_BUFFER (bytes not aligned to CZ_ALIGN), E_FORMAT, E_VERSION, E_CHECKSUM. */
int32_t cz_file_open(cz_file *out, const void *bytes, size_t size, cz_error *err);
/** Verifies the head of a file of `size` bytes, of which the first `held` are given: cz_file_head_bytes(), or all.
 *  @return as cz_file_open(). */
int32_t cz_file_open_head(cz_file *out, const void *bytes, size_t held, size_t size, cz_error *err);
/** How long the head of a file of `size` bytes says that it is, held to CZ_FILE_HEADER .. CZ_FILE_MAX_HEAD and `size`.
 *  @param header the file's first CZ_FILE_HEADER bytes, or as many as it has. */
size_t cz_file_head_bytes(const void *header, size_t size);

/** The payload's verification so far. */
typedef struct cz_payload {
    cz_sum sum;
    int32_t status; /* of the samples: the first failure */
} cz_payload;

void cz_file_payload_start(cz_payload *p);
/** Bytes from the beginning of constant i's block to the beginning of the next one's, or to the end of the file. */
size_t cz_file_span(const cz_file *f, uint32_t i);
/** Takes the next constant's block, cz_file_span() bytes; constants come in their order, every one of them.
 *  @return whether all samples so far are sound. */
bool cz_file_add_block(cz_payload *p, const cz_file *f, uint32_t i, const unsigned char *block, cz_error *err);
/** After the last block. @return OK, E_CHECKSUM, or the first failure of a block. */
int32_t cz_file_payload_end(const cz_payload *p, const cz_file *f, cz_error *err);

/** Record i of a part, i < count[part]. */
void cz_file_get_input(const cz_file *f, uint32_t i, cz_file_input *out);
void cz_file_get_constant(const cz_file *f, uint32_t i, cz_file_constant *out);
void cz_file_get_operator(const cz_file *f, uint32_t i, cz_file_operator *out);
void cz_file_get_output(const cz_file *f, uint32_t i, cz_file_output *out);
void cz_file_get_metadata(const cz_file *f, uint32_t i, cz_file_metadata *out);

/** True when all n bytes are 0. */
bool cz_file_zeros(const unsigned char *p, size_t n);

/** True for UTF-8 in shortest form, without surrogates and NUL. */
bool cz_utf8_valid(const char *text, size_t size);

/** True when two texts are the same bytes. */
bool cz_text_equal(cz_text a, cz_text b);

#endif
