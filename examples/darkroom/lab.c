/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab.h"

#include <math.h>

static float decode(float v) { return v <= 0.04045f ? v / 12.92f : powf((v + 0.055f) / 1.055f, 2.4f); }

float srgb_encode(float light) {
    if (!(light > 0)) return 0;
    return light >= 1 ? 1 : light <= 0.0031308f ? 12.92f * light : 1.055f * powf(light, 1 / 2.4f) - 0.055f;
}

/** CIE 15: the cube root, and a line near black. */
static float root(float t) { return t > 216.0f / 24389 ? cbrtf(t) : t * (841.0f / 108) + 4.0f / 29; }

static float cube(float f) { return f > 6.0f / 29 ? f * f * f : (f - 4.0f / 29) * (108.0f / 841); }

/* X, Y, Z here are relative to white: each row of IEC 61966-2-1's matrix over its sum. */

lab lab_of(rgb c) {
    const float r = decode(c.r), g = decode(c.g), b = decode(c.b);
    const float x = root(0.43387691f * r + 0.37622304f * g + 0.18990005f * b);
    const float y = root(0.2126f * r + 0.7152f * g + 0.0722f * b);
    const float z = root(0.01772268f * r + 0.10945822f * g + 0.8728191f * b);
    return (lab){116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

rgb linear_of_xyz(float x, float y, float z) {
    x -= y, z -= y;
    return (rgb){y + 3.0802f * x - 0.5430f * z, y - 0.9210f * x + 0.0452f * z, y + 0.0530f * x + 1.1511f * z};
}

static rgb linear_of(lab c) {
    const float f = (c.l + 16) / 116;
    return linear_of_xyz(cube(f + c.a / 500), cube(f), cube(f - c.b / 200));
}

static bool in_unit(float v) { return v >= -1e-4f && v <= 1.0001f; }

bool lab_fits(lab c) {
    const rgb v = linear_of(c);
    return in_unit(v.r) && in_unit(v.g) && in_unit(v.b);
}

rgb rgb_of(lab c) {
    if (!lab_fits(c)) {
        float low = 0, high = 1;
        for (int i = 0; i < 10; i++) {
            const float t = (low + high) / 2;
            if (lab_fits((lab){c.l, t * c.a, t * c.b}))
                low = t;
            else
                high = t;
        }
        c = (lab){c.l, low * c.a, low * c.b};
    }
    const rgb v = linear_of(c);
    return (rgb){srgb_encode(v.r), srgb_encode(v.g), srgb_encode(v.b)};
}
