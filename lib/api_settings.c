/* SPDX-License-Identifier: BSD-2-Clause
 * The exported functions that set what the user wants: hints, palette, hues, keyed settings. */
#include <math.h>
#include <string.h>

#include "api.h"

cz_settings cz_api_settings(const colorizer *c) {
    cz_settings s = {.strength = c->strength,
                     .vividness = c->vividness,
                     .wishes = c->wishes,
                     .hints = c->hints,
                     .n_hints = c->n_hints,
                     .progress = c->progress,
                     .progress_user = c->progress_user};
    memcpy(s.hues, c->hues, sizeof s.hues);
    return s;
}

/* ---------------------------------------------------------------- hints */

/** Least struct_size of a hint: that of the first version, up to `blue`. */
#define FIRST_HINT 28u

static bool within(float x, float low, float high) { return x >= low && x <= high; }
static bool unit(float x) { return within(x, 0.0f, 1.0f); }

static int32_t read_hint(colorizer_hint *out, const unsigned char *at, uint32_t size, uint32_t i, cz_error *err) {
    colorizer_hint h;
    memset(&h, 0, sizeof h);
    if (!cz_api_read(&h, sizeof h, at, size) || h.struct_size != size)
        return cz_fail(err, COLORIZER_E_ARGUMENT, "hints[%u].struct_size: not that of the first, %u", i, size);
    if (!isfinite(h.x) || !isfinite(h.y) || !isfinite(h.dx) || !isfinite(h.dy) || !isfinite(h.radius) || h.radius < 0)
        return cz_fail(err, COLORIZER_E_RANGE, "hints[%u]: place or radius is out of range", i);
    if (!unit(h.weight)) return cz_fail(err, COLORIZER_E_RANGE, "hints[%u].weight: is outside 0..1", i);
    if (h.space != COLORIZER_HINT_SRGB && h.space != COLORIZER_HINT_AB)
        return cz_fail(err, COLORIZER_E_RANGE, "hints[%u].space: %d is not a COLORIZER_HINT_ constant", i, h.space);
    if (h.space == COLORIZER_HINT_SRGB && (!unit(h.red) || !unit(h.green) || !unit(h.blue)))
        return cz_fail(err, COLORIZER_E_RANGE, "hints[%u]: a colour is outside 0..1", i);
    if (h.space == COLORIZER_HINT_AB && (!within(h.a, -128.0f, 128.0f) || !within(h.b, -128.0f, 128.0f)))
        return cz_fail(err, COLORIZER_E_RANGE, "hints[%u]: a or b is outside -128..128", i);
    *out = h;
    return COLORIZER_OK;
}

static int32_t set_hints(colorizer *c, const colorizer_hint *hints, uint32_t count) {
    if (count > 0 && hints == NULL) return cz_fail(&c->error, COLORIZER_E_ARGUMENT, "hints: is NULL");
    if (count > COLORIZER_MAX_HINTS)
        return cz_fail(&c->error, COLORIZER_E_RANGE, "count: %u is over %d", count, COLORIZER_MAX_HINTS);
    const uint32_t size = count > 0 ? hints->struct_size : 0;
    if (count > 0 && (size < FIRST_HINT || size > CZ_API_MAX_STRUCT))
        return cz_fail(&c->error, COLORIZER_E_ARGUMENT, "hints[0].struct_size: %u", size);
    const unsigned char *at = (const unsigned char *)hints;
    colorizer_hint checked;
    for (uint32_t i = 0; i < count; i++) { /* all are checked before the first replaces an old one */
        const int32_t status = read_hint(&checked, at + (size_t)i * size, size, i, &c->error);
        if (status != COLORIZER_OK) return status;
    }
    for (uint32_t i = 0; i < count; i++) (void)read_hint(&c->hints[i], at + (size_t)i * size, size, i, NULL);
    c->n_hints = count;
    return COLORIZER_OK;
}

int32_t colorizer_set_hints(colorizer *c, const colorizer_hint *hints, uint32_t count) {
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, set_hints(c, hints, count)) : status;
}

/* ---------------------------------------------------------------- palette and hues */

static int32_t set_palette(colorizer *c, const float *colours, uint32_t count, float strength) {
    if (count > 0 && colours == NULL) return cz_fail(&c->error, COLORIZER_E_ARGUMENT, "colours: is NULL");
    if (count > COLORIZER_MAX_PALETTE)
        return cz_fail(&c->error, COLORIZER_E_RANGE, "count: %u is over %d", count, COLORIZER_MAX_PALETTE);
    if (!unit(strength)) return cz_fail(&c->error, COLORIZER_E_RANGE, "strength: is outside 0..1");
    for (uint32_t i = 0; i < 3 * count; i++)
        if (!unit(colours[i])) return cz_fail(&c->error, COLORIZER_E_RANGE, "colours[%u]: is outside 0..1", i);
    const cz_color_job job = {.k = cz_color(c->shared->cpu), .tables = &c->shared->tables};
    for (uint32_t i = 0; i < count; i++)
        cz_srgb_chroma(&job, colours + 3 * i, &c->wishes.palette[i][0], &c->wishes.palette[i][1]);
    c->wishes.colours = count;
    c->wishes.palette_strength = strength;
    return COLORIZER_OK;
}

int32_t colorizer_set_palette(colorizer *c, const float *colours, uint32_t count, float strength) {
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, set_palette(c, colours, count, strength)) : status;
}

static int32_t set_hues(colorizer *c, const float *strength) {
    for (uint32_t i = 0; strength != NULL && i < COLORIZER_HUES; i++)
        if (!within(strength[i], 0.0f, 2.0f))
            return cz_fail(&c->error, COLORIZER_E_RANGE, "strength[%u]: is outside 0..2", i);
    for (uint32_t i = 0; i < COLORIZER_HUES; i++) c->hues[i] = strength == NULL ? 1.0f : strength[i];
    return COLORIZER_OK;
}

int32_t colorizer_set_hues(colorizer *c, const float *strength) {
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, set_hues(c, strength)) : status;
}

/* ---------------------------------------------------------------- settings */

static int32_t set_i(colorizer *c, int32_t key, int64_t value) {
    switch (key) {
    case COLORIZER_KEY_THREADS:
        if (value < 0 || value > (int64_t)CZ_MAX_THREADS)
            return cz_fail(&c->error, COLORIZER_E_RANGE, "value: threads are not in 0..64");
        c->threads = value;
        return COLORIZER_OK;
    case COLORIZER_KEY_SIZE:
        if (value != 0 && (value < 32 || value > 1024))
            return cz_fail(&c->error, COLORIZER_E_RANGE, "value: the working size is not 0 or 32..1024");
        c->short_side = (uint32_t)value;
        return COLORIZER_OK;
    default:
        return cz_fail(&c->error, COLORIZER_E_KEY, "key: %d is not an integer setting that can be set", key);
    }
}

/** A real setting's place and range; NULL where there is none of that key. */
static float *real_setting(colorizer *c, int32_t key, int32_t *low, int32_t *high) {
    *low = 0;
    *high = key == COLORIZER_KEY_STRENGTH ? 1 : 2;
    switch (key) {
    case COLORIZER_KEY_STRENGTH:
        return &c->strength;
    case COLORIZER_KEY_VIVIDNESS:
        return &c->vividness;
    case COLORIZER_KEY_TINT_A:
    case COLORIZER_KEY_TINT_B:
        *low = -100;
        *high = 100;
        return &c->wishes.tint[key - COLORIZER_KEY_TINT_A];
    default:
        return NULL;
    }
}

static int32_t set_f(colorizer *c, int32_t key, double value) {
    int32_t low, high;
    float *setting = real_setting(c, key, &low, &high);
    if (setting == NULL)
        return cz_fail(&c->error, COLORIZER_E_KEY, "key: %d is not a real setting that can be set", key);
    if (!(value >= low && value <= high))
        return cz_fail(&c->error, COLORIZER_E_RANGE, "value: setting %d is not in %d..%d", key, low, high);
    *setting = (float)value;
    return COLORIZER_OK;
}

static int32_t get_i(colorizer *c, int32_t key, int64_t *value) {
    switch (key) {
    case COLORIZER_KEY_THREADS:
        *value = c->threads;
        return COLORIZER_OK;
    case COLORIZER_KEY_SIZE:
        *value = c->short_side != 0 ? c->short_side : c->shared->network.short_side;
        return COLORIZER_OK;
    case COLORIZER_KEY_CPU:
        *value = c->shared->cpu;
        return COLORIZER_OK;
    case COLORIZER_KEY_MEMORY:
        *value = (int64_t)cz_handle_memory(c);
        return COLORIZER_OK;
    default:
        return cz_fail(&c->error, COLORIZER_E_KEY, "key: %d is not an integer setting", key);
    }
}

static int32_t get_f(colorizer *c, int32_t key, double *value) {
    int32_t low, high;
    const float *setting = real_setting(c, key, &low, &high);
    if (setting == NULL) return cz_fail(&c->error, COLORIZER_E_KEY, "key: %d is not a real setting", key);
    *value = (double)*setting;
    return COLORIZER_OK;
}

int32_t colorizer_set_i(colorizer *c, int32_t key, int64_t value) {
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, set_i(c, key, value)) : status;
}

int32_t colorizer_set_f(colorizer *c, int32_t key, double value) {
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, set_f(c, key, value)) : status;
}

int32_t colorizer_get_i(colorizer *c, int32_t key, int64_t *value) {
    if (value == NULL) return cz_fail(cz_api_orphan(), COLORIZER_E_ARGUMENT, "value: is NULL");
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, get_i(c, key, value)) : status;
}

int32_t colorizer_get_f(colorizer *c, int32_t key, double *value) {
    if (value == NULL) return cz_fail(cz_api_orphan(), COLORIZER_E_ARGUMENT, "value: is NULL");
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, get_f(c, key, value)) : status;
}
