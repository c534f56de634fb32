/* SPDX-License-Identifier: BSD-2-Clause
 * Hints as text, so that they fit a property of a GEGL operation and an argument of a GIMP procedure. */
#include "photo.h"

/** A number, whatever the locale, with nothing but space around it. */
static gboolean parse_number(const char *text, float *out) {
    char *end;
    const double value = g_ascii_strtod(text, &end);
    *out = (float)value;
    while (g_ascii_isspace(*end)) end++;
    return end != text && *end == '\0';
}

/** "#rrggbb" to three shares of one. */
static gboolean parse_colour(char *text, float out[3]) {
    const char *digits = g_strstrip(text);
    if (strlen(digits) != 7 || digits[0] != '#') return FALSE;
    for (int i = 0; i < 3; i++) {
        const int high = g_ascii_xdigit_value(digits[1 + 2 * i]), low = g_ascii_xdigit_value(digits[2 + 2 * i]);
        if (high < 0 || low < 0) return FALSE;
        out[i] = (float)(16 * high + low) / 255.0f;
    }
    return TRUE;
}

static gboolean parse_hint(const char *text, const GeglRectangle *frame, colorizer_hint *hint) {
    char **field = g_strsplit(text, ",", 5);
    float rgb[3] = {0};
    *hint = (colorizer_hint){.struct_size = sizeof *hint};
    const gboolean good = g_strv_length(field) == 4 && parse_number(field[0], &hint->x) &&
                          parse_number(field[1], &hint->y) && parse_number(field[2], &hint->radius) &&
                          parse_colour(field[3], rgb);
    hint->x -= (float)frame->x;
    hint->y -= (float)frame->y;
    hint->red = rgb[0], hint->green = rgb[1], hint->blue = rgb[2];
    g_strfreev(field);
    return good;
}

gboolean photo_set_hints(colorizer *c, const char *text, const GeglRectangle *frame, GError **error) {
    colorizer_hint hints[COLORIZER_MAX_HINTS + 1]; /* one too many is the library's to refuse */
    uint32_t count = 0;
    char **items = g_strsplit(text == NULL ? "" : text, ";", -1);
    gboolean good = TRUE;
    for (char **item = items; good && *item != NULL && count <= COLORIZER_MAX_HINTS; item++) {
        if (*g_strstrip(*item) == '\0') continue;
        good = parse_hint(*item, frame, &hints[count++]);
        if (!good)
            g_set_error(error, PHOTO_ERROR, COLORIZER_E_RANGE, "hint %u is not \"x,y,radius,#rrggbb\": %s", count,
                        *item);
    }
    g_strfreev(items);
    return good && photo_check(c, colorizer_set_hints(c, hints, count), error);
}
