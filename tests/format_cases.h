/* SPDX-License-Identifier: BSD-2-Clause
 * The named bad files of test_format.c: edits of its small model, the status each must get, and part of the text. */
#ifndef CZ_TESTS_FORMAT_CASES_H
#define CZ_TESTS_FORMAT_CASES_H

#include "model_builder.h"

/* Where the records of the small model lie. */
enum { N_INPUTS = 2, N_CONSTANTS = 4, N_OPS = 5, N_OUTPUTS = 2, N_METADATA = 2 };
enum { INPUT_0 = 64, CONSTANT_0 = INPUT_0 + 32 * N_INPUTS, OP_0 = CONSTANT_0 + 48 * N_CONSTANTS };
enum { OUTPUT_0 = OP_0 + 128 * N_OPS, METADATA_0 = OUTPUT_0 + 16 * N_OUTPUTS, STRINGS = METADATA_0 + 16 * N_METADATA };

/** One edit: a word of 4 bytes at a place of the small model; KEEP where there is none. */
typedef struct edit {
    uint32_t at, value;
} edit;

typedef struct bad_file {
    const char *name;
    edit edits[4];
    int32_t code;
    const char *text; /* must be part of the detail text */
} bad_file;

#define FORMAT   COLORIZER_E_FORMAT
#define VERSION  COLORIZER_E_VERSION
#define CHECKSUM COLORIZER_E_CHECKSUM
#define MODEL    COLORIZER_E_MODEL

#define IN(i, at)     (INPUT_0 + 32 * (i) + (at))
#define CONST(i, at)  (CONSTANT_0 + 48 * (i) + (at))
#define OP(i, at)     (OP_0 + 128 * (i) + (at))
#define INPUT_OF(k)   (16 + 4 * (k))
#define ATTR(k)       (48 + 4 * (k))
#define OUT(i, at)    (OUTPUT_0 + 16 * (i) + (at))
#define META(i, at)   (METADATA_0 + 16 * (i) + (at))
#define PAYLOAD(at)   (0x80000000u | (at)) /* from the payload's beginning */
#define NO_SEAL       0x40000000u          /* as a place: the checksums stay as they are */
#define NAN_BITS      0x7FC00000u
#define INFINITY_BITS 0x7F800000u

/* Blocks in the payload: w f16 576 bytes at 0, b f32 32 at 576, q i8 16 + 32 at 640, unnamed f32 16 at 704. */
static const bad_file bad_files[] = {
    {"magic", {{0, 0x575A4388}}, FORMAT, "magic"},
    {"magic-line-end", {{4, 0x0A1A0A0A}}, FORMAT, "magic"},
    {"version-0", {{8, 0}}, VERSION, "version: 0"},
    {"version-2", {{8, 2}}, VERSION, "version: 2"},
    {"flags", {{12, 1}}, VERSION, "flags: 0x1"},
    {"flags-high", {{12, 0x80000000}}, VERSION, "flags"},
    {"file-size-less", {{16, 64}}, FORMAT, "file_size: 64"},
    {"file-size-high-half", {{20, 1}}, FORMAT, "file_size"},
    {"no-inputs", {{24, 0}}, FORMAT, "input count: 0"},
    {"nine-inputs", {{24, 9}}, FORMAT, "input count: 9"},
    {"constants-over-cap", {{28, 4097}}, FORMAT, "constant count"},
    {"constants-all-bits", {{28, 0xFFFFFFFF}}, FORMAT, "constant count"},
    {"no-operators", {{32, 0}}, FORMAT, "operator count: 0"},
    {"operators-over-cap", {{32, 4097}}, FORMAT, "operator count"},
    {"no-outputs", {{36, 0}}, FORMAT, "output count: 0"},
    {"outputs-over-cap", {{36, 65}}, FORMAT, "output count: 65"},
    {"metadata-over-cap", {{40, 257}}, FORMAT, "metadata count: 257"},
    {"strings-over-cap", {{44, (1u << 20) + 1}}, FORMAT, "string_bytes"},
    {"operators-past-end", {{32, 4096}}, FORMAT, "payload_offset"},
    {"operators-past-end-offset-fits",
     {{32, 4096}, {48, STRINGS + 128 * (4096 - N_OPS) + 64}},
     FORMAT,
     "the records need"},
    {"payload-offset-zero", {{48, 0}}, FORMAT, "payload_offset: 0"},
    {"payload-offset-next", {{48, 2048}}, FORMAT, "payload_offset: 2048"},
    {"payload-offset-high-half", {{52, 1}}, FORMAT, "payload_offset"},
    {"one-operator-less", {{32, N_OPS - 1}}, FORMAT, "payload_offset"},
    {"head-checksum", {{56, 0x12345678}, {NO_SEAL, 0}}, CHECKSUM, "head_checksum"},
    {"payload-checksum", {{60, 0x12345678}, {NO_SEAL, 0}}, CHECKSUM, "payload_checksum"},
    {"damaged-record", {{OP(0, 8), 2}, {NO_SEAL, 0}}, CHECKSUM, "head_checksum"},
    {"damaged-weight", {{PAYLOAD(4), 0}, {NO_SEAL, 0}}, CHECKSUM, "payload_checksum"},
    {"input-name-offset", {{IN(0, 0), 1}}, FORMAT, "input 0: name: 1"},
    {"input-name-empty", {{IN(0, 4), 0}}, FORMAT, "input 0: name: 0"},
    {"input-name-past-end", {{IN(0, 4), 255}}, FORMAT, "input 0: name"},
    {"input-name-long", {{IN(0, 4), 256}}, FORMAT, "input 0: name: 256"},
    {"input-name-all-bits", {{IN(0, 4), 0xFFFFFFFF}}, FORMAT, "input 0: name"},
    {"multiple-0", {{IN(0, 8), 0}}, FORMAT, "input 0: multiple: 0"},
    {"multiple-1025", {{IN(0, 8), 1025}}, FORMAT, "input 0: multiple: 1025"},
    {"multiple-of-fixed-size", {{IN(1, 8), 2}}, FORMAT, "input 1: multiple: 2"},
    {"input-reserved", {{IN(0, 12), 1}}, FORMAT, "input 0: reserved: 1"},
    {"input-batch-0", {{IN(0, 16), 0}}, FORMAT, "input 0: dims[0]: 0"},
    {"input-batch-2", {{IN(0, 16), 2}}, FORMAT, "input 0: dims[0]: 2"},
    {"input-height-alone", {{IN(0, 20), 8}}, FORMAT, "input 0: dims"},
    {"input-width-alone", {{IN(0, 24), 8}}, FORMAT, "input 0: dims"},
    {"input-no-channels", {{IN(0, 28), 0}}, FORMAT, "input 0: dims"},
    {"input-channels-over-cap", {{IN(0, 28), (1u << 29) + 1}}, FORMAT, "input 0: dims"},
    {"input-product-over-cap", {{IN(1, 20), 1u << 15}, {IN(1, 24), 1u << 15}}, FORMAT, "input 1: dims"},
    {"input-product-wraps",
     {{IN(1, 20), 1u << 22}, {IN(1, 24), 1u << 21}, {IN(1, 28), 1u << 21}},
     FORMAT,
     "input 1: dims"},
    {"constant-dtype-0", {{CONST(0, 8), 0}}, VERSION, "constant 0: dtype: 0"},
    {"constant-dtype-4", {{CONST(0, 8), 4}}, VERSION, "constant 0: dtype: 4"},
    {"constant-dtype-swapped", {{CONST(0, 8), 1}}, FORMAT, "constant 0: payload bytes: 576"},
    {"constant-reserved", {{CONST(1, 12), 7}}, FORMAT, "constant 1: reserved: 7"},
    {"constant-dimension-0", {{CONST(0, 20), 0}}, FORMAT, "constant 0: dims"},
    {"constant-dims-wrap-to-size", {{CONST(0, 16), 0x80000000}, {CONST(0, 20), 2}}, FORMAT, "constant 0: dims"},
    {"constant-dims-product-wraps",
     {{CONST(0, 16), 1u << 16}, {CONST(0, 20), 1u << 16}, {CONST(0, 24), 1u << 16}},
     FORMAT,
     "constant 0: dims"},
    {"constant-one-row-more", {{CONST(0, 16), 9}}, FORMAT, "constant 0: payload bytes"},
    {"constant-bytes-less", {{CONST(1, 40), 31}}, FORMAT, "constant 1: payload bytes: 31"},
    {"constant-bytes-high-half", {{CONST(1, 44), 1}}, FORMAT, "constant 1: payload bytes"},
    {"constant-offset-zero", {{CONST(0, 32), 0}}, FORMAT, "constant 0: payload offset: 0"},
    {"constant-offset-high-half", {{CONST(0, 36), 0x80000000}}, FORMAT, "constant 0: payload offset"},
    {"constant-past-end", {{CONST(3, 16), 1}, {CONST(3, 28), 8}, {CONST(3, 40), 32}}, FORMAT, "pass the end"},
    {"constant-short-of-end", {{CONST(3, 28), 3}, {CONST(3, 40), 12}}, FORMAT, "payload: it ends at"},
    {"gap-not-zero", {{PAYLOAD(608), 0x01000000}}, FORMAT, "constant 1: payload bytes"},
    {"f16-infinity", {{PAYLOAD(0), 0x00007C00}}, FORMAT, "constant 0: sample: 0"},
    {"f16-nan", {{PAYLOAD(572), 0x7E010000}}, FORMAT, "constant 0: sample: 287"},
    {"f16-minus-infinity", {{PAYLOAD(4), 0x0000FC00}}, FORMAT, "constant 0: sample: 2"},
    {"f32-nan", {{PAYLOAD(576), NAN_BITS}}, FORMAT, "constant 1: sample: 0"},
    {"f32-infinity", {{PAYLOAD(604), INFINITY_BITS}}, FORMAT, "constant 1: sample: 7"},
    {"i8-scale-nan", {{PAYLOAD(640), NAN_BITS}}, FORMAT, "constant 2: scale: 0"},
    {"i8-scale-infinity", {{PAYLOAD(652), 0xFF800000}}, FORMAT, "constant 2: scale: 3"},
    {"i8-scale-overflows", {{PAYLOAD(644), 0x7B800001}}, FORMAT, "constant 2: scale: 1"},
    {"i8-scale-overflows-negative", {{PAYLOAD(640), 0xFF7FFFFF}}, FORMAT, "constant 2: scale: 0"},
    {"operator-0", {{OP(0, 8), 0}}, VERSION, "operator 0: number: 0"},
    {"operator-unknown", {{OP(0, 8), 4000}}, VERSION, "operator 0: number: 4000"},
    {"operator-all-bits", {{OP(1, 8), 0xFFFFFFFF}}, VERSION, "operator 1"},
    {"operator-reserved", {{OP(0, 12), 1}}, FORMAT, "operator 0: reserved: 1"},
    {"operator-tail", {{OP(0, 124), 0x80000000}}, FORMAT, "operator 0: reserved"},
    {"operator-name", {{OP(0, 4), 5}}, FORMAT, "operator 1: name"},
    {"operator-reads-itself", {{OP(0, INPUT_OF(0)), 6}}, FORMAT, "operator 0: input 0: tensor 6"},
    {"operator-reads-later", {{OP(1, INPUT_OF(0)), 9}}, FORMAT, "operator 1: input 0: tensor 9"},
    {"operator-reads-nothing-there", {{OP(1, INPUT_OF(0)), 0xFFFFFFFE}}, FORMAT, "operator 1: input 0"},
    {"unused-input-reads-later", {{OP(1, INPUT_OF(7)), 11}}, FORMAT, "operator 1: input 7: tensor 11"},
    {"operator-without-input", {{OP(1, INPUT_OF(0)), 0xFFFFFFFF}}, MODEL, "input 0: not given"},
    {"operator-without-weight", {{OP(0, INPUT_OF(1)), 0xFFFFFFFF}}, MODEL, "input 1: not given"},
    {"operator-too-many-inputs", {{OP(1, INPUT_OF(1)), 0}}, MODEL, "(activation 'relu'): input 1: one too many"},
    {"weight-not-constant", {{OP(2, INPUT_OF(1)), 6}}, MODEL, "(linear 'lin'): input 1: the weight is not a constant"},
    {"stride-0", {{OP(0, ATTR(0)), 0}}, MODEL, "stride_h: 0 is not in 1..64"},
    {"stride-negative", {{OP(0, ATTR(1)), 0xFFFFFFFF}}, MODEL, "stride_w: -1"},
    {"padding-negative", {{OP(0, ATTR(4)), 0x80000000}}, MODEL, "pad_top"},
    {"groups-0", {{OP(0, ATTR(9)), 0}}, MODEL, "groups: 0"},
    {"groups-3", {{OP(0, ATTR(9)), 3}}, MODEL, "groups: 3 divides"},
    {"activation-9", {{OP(0, ATTR(10)), 9}}, MODEL, "act: 9"},
    {"activation-nan", {{OP(0, ATTR(12)), NAN_BITS}}, MODEL, "act_p1"},
    {"activation-infinity", {{OP(0, ATTR(12)), INFINITY_BITS}}, MODEL, "act_p1"},
    {"clamp-upside-down", {{OP(0, ATTR(11)), 0x41000000}}, MODEL, "act_p0"},
    {"unused-parameter", {{OP(1, ATTR(2)), 0x3F800000}}, MODEL, "act_p1: not 0"},
    {"residual-without-input", {{OP(0, ATTR(13)), 1}}, MODEL, "residual: 1"},
    {"residual-without-attribute", {{OP(0, INPUT_OF(5)), 0}}, MODEL, "residual: 0"},
    {"words-past-attributes", {{OP(1, ATTR(3)), 1}}, MODEL, "attribute word 3"},
    {"temperature-0", {{OP(3, ATTR(1)), 0}}, MODEL, "temperature"},
    {"axis-4", {{OP(3, ATTR(0)), 4}}, MODEL, "axis: 4"},
    {"concat-gap", {{OP(4, INPUT_OF(3)), 8}}, MODEL, "absent before"},
    {"concat-shapes", {{OP(4, INPUT_OF(1)), 0}}, MODEL, "(concat 'cat'): input 1: dimension 1"},
    {"bias-shape", {{OP(0, INPUT_OF(2)), 5}}, MODEL, "the bias is not [1,1,1,8]"},
    {"scale-without-shift", {{OP(0, INPUT_OF(3)), 3}}, MODEL, "scale and shift"},
    {"weight-channels", {{OP(0, INPUT_OF(0)), 1}}, MODEL, "the weight has 4 channels, not 3"},
    {"output-is-input", {{OUT(0, 8), 0}}, FORMAT, "output 0: tensor: 0"},
    {"output-is-constant", {{OUT(0, 8), 5}}, FORMAT, "output 0: tensor: 5"},
    {"output-past-end", {{OUT(0, 8), 11}}, FORMAT, "output 0: tensor: 11"},
    {"output-all-bits", {{OUT(1, 8), 0xFFFFFFFF}}, FORMAT, "output 1: tensor"},
    {"output-reserved", {{OUT(1, 12), 1}}, FORMAT, "output 1: reserved"},
    {"metadata-key-empty", {{META(0, 4), 0}}, FORMAT, "metadata 0: key: 0"},
    {"metadata-value-offset", {{META(0, 8), 0}}, FORMAT, "metadata 0: value: 0"},
    {"metadata-value-past-end", {{META(1, 12), 1}}, FORMAT, "metadata 1: value"},
    {"strings-not-used-up", {{META(1, 4), 3}, {META(1, 8), 61}}, FORMAT, "strings: they end at 61"},
    {"string-bytes-0", {{44, 0}}, FORMAT, "payload_offset"},
    {"bytes-after-strings", {{STRINGS + 60, 0x01006574}}, FORMAT, "strings: the bytes after them"},
};

/** Places in the strings are found by content: changes the first `from` behind the records into `to`. */
typedef struct bad_string {
    const char *name, *from, *to;
    const char *text;
} bad_string;

static const bad_string bad_strings[] = {
    {"utf8-lone-continuation", "image", "im\x80ge", "input 0: name"},
    {"utf8-overlong", "image",
     "im\xC0\xAF"
     "e",
     "input 0: name"},
    {"utf8-surrogate", "image", "\xED\xA0\x80ge", "input 0: name"},
    {"utf8-cut-at-end", "image", "imag\xC3", "input 0: name"},
    {"utf8-above-range", "small ", "s\xF4\x90\x80\x80 ", "metadata 0: value"},
    {"utf8-first-byte-f8", "relu", "r\xF8lu", "operator 1: name"},
    {"utf8-cut-in-the-middle", "note",
     "n\xE2\x82"
     "e",
     "metadata 1: key"},
    {"outputs-share-a-name", "hidden", "logits", "output 1: name: 0 has the same"},
    {"metadata-share-a-key", "note", "name", "metadata 1: name: 0 has the same"},
    {"constants-share-a-name", "wbq", "wbw", "constant 2: name: 0 has the same"},
    {"inputs-share-a-name", "imagefixed", "imageimage", "input 1: name: 0 has the same"},
};

#endif
