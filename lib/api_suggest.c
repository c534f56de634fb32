/* SPDX-License-Identifier: BSD-2-Clause
 * The exported functions that tell what else the photograph may look like. */
#include <string.h>

#include "api.h"

/** Checks an array of `count` structs that are filled for the caller; *size receives the bytes of one. */
static int32_t check_outputs(const void *out, uint32_t count, size_t known, const char *name, uint32_t *size,
                             cz_error *err) {
    *size = 0;
    if (out == NULL) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s: is NULL", name);
    memcpy(size, out, sizeof *size);
    if (*size < known || *size > CZ_API_MAX_STRUCT)
        return cz_fail(err, COLORIZER_E_ARGUMENT, "%s[0].struct_size: %u", name, *size);
    for (uint32_t i = 1; i < count; i++) {
        uint32_t other;
        memcpy(&other, (const unsigned char *)out + (size_t)i * *size, sizeof other);
        if (other != *size)
            return cz_fail(err, COLORIZER_E_ARGUMENT, "%s[%u].struct_size: not that of the first, %u", name, i, *size);
    }
    return COLORIZER_OK;
}

/** How to run what looks at the photograph again; E_STATE when there is none. */
static int32_t enter_analysis(colorizer *c, cz_exec *exec) {
    if (c->pipeline == NULL || !c->pipeline->analyzed)
        return cz_fail(&c->error, COLORIZER_E_STATE, "no photograph is analyzed on this handle");
    *exec = cz_handle_exec(c);
    exec->threads = (uint32_t)cz_min(exec->threads, c->pipeline->threads); /* as many as have scratch there */
    return COLORIZER_OK;
}

static int32_t suggest(colorizer *c, float x, float y, colorizer_suggestion *out, uint32_t capacity, uint32_t *count) {
    cz_mode modes[COLORIZER_MAX_SUGGESTIONS];
    float srgb[COLORIZER_MAX_SUGGESTIONS][3];
    uint32_t size;
    size_t found;
    cz_exec exec;
    if (count == NULL) return cz_fail(&c->error, COLORIZER_E_ARGUMENT, "count: is NULL");
    *count = 0;
    if (capacity < 1 || capacity > COLORIZER_MAX_SUGGESTIONS)
        return cz_fail(&c->error, COLORIZER_E_RANGE, "capacity: %u is not in 1..%d", capacity,
                       COLORIZER_MAX_SUGGESTIONS);
    int32_t status = check_outputs(out, capacity, sizeof *out, "out", &size, &c->error);
    if (status == COLORIZER_OK) status = enter_analysis(c, &exec);
    if (status != COLORIZER_OK) return status;
    const cz_grid *g = &c->pipeline->job.grid;
    if (!(x >= 0.0f && x < (float)g->width && y >= 0.0f && y < (float)g->height))
        return cz_fail(&c->error, COLORIZER_E_RANGE, "x, y: are not inside the photograph, %u x %u", g->width,
                       g->height);
    const cz_settings settings = cz_api_settings(c);
    status = cz_pipeline_suggest(c->pipeline, &exec, (double)x, (double)y, &settings, modes, srgb, capacity, &found,
                                 &c->error);
    for (size_t i = 0; i < found; i++) {
        const colorizer_suggestion s = {.struct_size = size,
                                        .probability = modes[i].probability,
                                        .a = modes[i].a,
                                        .b = modes[i].b,
                                        .red = srgb[i][0],
                                        .green = srgb[i][1],
                                        .blue = srgb[i][2]};
        memcpy((unsigned char *)out + i * size, &s, sizeof s);
    }
    *count = (uint32_t)found;
    return status;
}

int32_t colorizer_suggest(colorizer *c, float x, float y, colorizer_suggestion *out, uint32_t capacity,
                          uint32_t *count) {
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    atomic_store(&c->cancel, 0);
    return cz_api_leave(c, suggest(c, x, y, out, capacity, count));
}

static int32_t alternatives(colorizer *c, uint64_t seed, uint32_t count, float *probability, colorizer_hint *hints,
                            uint32_t *found) {
    colorizer_hint made[COLORIZER_MAX_ALTERNATIVES * COLORIZER_ALTERNATIVE_HINTS];
    uint32_t size;
    size_t n = 0;
    cz_exec exec;
    if (found == NULL) return cz_fail(&c->error, COLORIZER_E_ARGUMENT, "found: is NULL");
    *found = 0;
    if (probability == NULL) return cz_fail(&c->error, COLORIZER_E_ARGUMENT, "probability: is NULL");
    if (count < 1 || count > COLORIZER_MAX_ALTERNATIVES)
        return cz_fail(&c->error, COLORIZER_E_RANGE, "count: %u is not in 1..%d", count, COLORIZER_MAX_ALTERNATIVES);
    int32_t status =
        check_outputs(hints, count * COLORIZER_ALTERNATIVE_HINTS, sizeof *hints, "hints", &size, &c->error);
    if (status == COLORIZER_OK) status = enter_analysis(c, &exec);
    if (status != COLORIZER_OK) return status;
    const cz_settings settings = cz_api_settings(c);
    status = cz_pipeline_alternatives(c->pipeline, &exec, &settings, seed, count, probability, made, &n, &c->error);
    for (size_t i = 0; i < n * COLORIZER_ALTERNATIVE_HINTS; i++) {
        made[i].struct_size = size;
        memcpy((unsigned char *)hints + i * size, &made[i], sizeof made[i]);
    }
    *found = (uint32_t)n;
    return status;
}

int32_t colorizer_alternatives(colorizer *c, uint64_t seed, uint32_t count, float *probability, colorizer_hint *hints,
                               uint32_t *found) {
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    atomic_store(&c->cancel, 0);
    return cz_api_leave(c, alternatives(c, seed, count, probability, hints, found));
}
