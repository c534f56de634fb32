/* SPDX-License-Identifier: BSD-2-Clause
 * A before/after sheet:  sheet OUTPUT.jpg BEFORE AFTER [BEFORE AFTER ...]
 * Each pair stands side by side; pairs fill rows of a fixed height until a row is wide enough. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "colorizer/stb.h"

enum { ROW_HEIGHT = 240, GAP = 12, SHEET_WIDTH = 1320, QUALITY = 88, FILE_LIMIT = 64 << 20 };

typedef struct bitmap {
    int width;
    int height;
    uint8_t *rgb;
} bitmap;

static uint8_t *read_file(const char *path, int *size) {
    FILE *from = fopen(path, "rb");
    uint8_t *bytes = from ? malloc(FILE_LIMIT) : NULL;
    if (bytes != NULL) *size = (int)fread(bytes, 1, FILE_LIMIT, from);
    if (from != NULL) (void)fclose(from);
    return bytes;
}

static bitmap load(const char *path) {
    int size = 0, channels;
    bitmap b = {0};
    uint8_t *bytes = read_file(path, &size);
    if (bytes != NULL) b.rgb = stbi_load_from_memory(bytes, size, &b.width, &b.height, &channels, 3);
    if (b.rgb == NULL) fprintf(stderr, "sheet: cannot read %s\n", path);
    free(bytes);
    return b;
}

/** Width of the picture at the height of a row; a pair and its margins fit the sheet. */
static int row_width(const bitmap *b) {
    int width = (int)((int64_t)b->width * ROW_HEIGHT / b->height);
    int most = SHEET_WIDTH / 2 - GAP; /* a panorama is squeezed rather than cut */
    return width < 1 ? 1 : width > most ? most : width;
}

/** The part of source pixel `s` inside [from, to). */
static double overlap(int s, double from, double to) {
    double low = from > s ? from : s, high = to < s + 1 ? to : s + 1;
    return high > low ? high - low : 0.0;
}

/** Mean of the source over one output pixel: the picture is shrunk, or its pixels are repeated. */
static void box(const bitmap *b, double x0, double x1, double y0, double y1, uint8_t out[3]) {
    double sum[3] = {0}, area = 0.0;
    for (int y = (int)y0; y < b->height && y < y1; y++)
        for (int x = (int)x0; x < b->width && x < x1; x++) {
            double weight = overlap(y, y0, y1) * overlap(x, x0, x1);
            const uint8_t *pixel = b->rgb + 3 * ((size_t)y * (size_t)b->width + (size_t)x);
            for (int k = 0; k < 3; k++) sum[k] += weight * pixel[k];
            area += weight;
        }
    for (int k = 0; k < 3; k++) out[k] = (uint8_t)(area > 0.0 ? sum[k] / area + 0.5 : 0.0);
}

static void paste(const bitmap *sheet, const bitmap *b, int left, int top) {
    int width = row_width(b);
    double sx = (double)b->width / width, sy = (double)b->height / ROW_HEIGHT;
    for (int y = 0; y < ROW_HEIGHT; y++)
        for (int x = 0; x < width; x++)
            box(b, x * sx, (x + 1) * sx, y * sy, (y + 1) * sy,
                sheet->rgb + 3 * ((size_t)(top + y) * (size_t)sheet->width + (size_t)(left + x)));
}

/** Places the pairs; with `sheet` NULL only measures. Returns the height. */
static int lay_out(const bitmap *pictures, int pairs, const bitmap *sheet) {
    int x = GAP, y = GAP;
    for (int i = 0; i < pairs; i++) {
        const bitmap *before = &pictures[2 * i], *after = before + 1;
        int width = row_width(before) + row_width(after);
        if (x > GAP && x + width + GAP > SHEET_WIDTH) {
            x = GAP;
            y += ROW_HEIGHT + GAP;
        }
        if (sheet != NULL) {
            paste(sheet, before, x, y);
            paste(sheet, after, x + row_width(before), y);
        }
        x += width + GAP;
    }
    return y + ROW_HEIGHT + GAP;
}

static void write_bytes(void *to, void *bytes, int size) { (void)fwrite(bytes, 1, (size_t)size, (FILE *)to); }

static int write_sheet(const char *path, const bitmap *pictures, int pairs) {
    bitmap sheet = {SHEET_WIDTH, lay_out(pictures, pairs, NULL), NULL};
    sheet.rgb = malloc(3 * (size_t)sheet.width * (size_t)sheet.height);
    if (sheet.rgb == NULL) return 1;
    memset(sheet.rgb, 255, 3 * (size_t)sheet.width * (size_t)sheet.height);
    (void)lay_out(pictures, pairs, &sheet);
    FILE *to = fopen(path, "wb");
    int ok = to != NULL && stbi_write_jpg_to_func(write_bytes, to, sheet.width, sheet.height, 3, sheet.rgb, QUALITY);
    if (to != NULL && fclose(to) != 0) ok = 0;
    free(sheet.rgb);
    if (!ok) fprintf(stderr, "sheet: cannot write %s\n", path);
    return ok ? 0 : 1;
}

int main(int argc, char **argv) {
    int count = argc - 2, status = 0;
    if (count < 2 || count % 2 != 0) {
        fputs("Usage: sheet OUTPUT.jpg BEFORE AFTER [BEFORE AFTER ...]\n", stderr);
        return 2;
    }
    bitmap *pictures = calloc((size_t)count, sizeof *pictures);
    if (pictures == NULL) return 1;
    for (int i = 0; i < count; i++) {
        pictures[i] = load(argv[2 + i]);
        if (pictures[i].rgb == NULL) status = 1;
    }
    if (status == 0) status = write_sheet(argv[1], pictures, count / 2);
    for (int i = 0; i < count; i++) free(pictures[i].rgb);
    free(pictures);
    return status;
}
