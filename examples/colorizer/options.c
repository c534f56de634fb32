/* SPDX-License-Identifier: BSD-2-Clause
 * The command line: every value is checked here, so that a typing error never costs a long run. */
#include "options.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_STRENGTH = 256,
    OPT_VIVIDNESS,
    OPT_SIZE,
    OPT_HINT,
    OPT_CONFIDENCE,
    OPT_JSON,
    OPT_WORKSPACE,
    OPT_OUT_DIR,
    OPT_FORCE,
    OPT_NO_MARK
};

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"out-dir", required_argument, NULL, OPT_OUT_DIR},
    {"model", required_argument, NULL, 'm'},
    {"threads", required_argument, NULL, 'j'},
    {"format", required_argument, NULL, 'f'},
    {"quality", required_argument, NULL, 'q'},
    {"yes", no_argument, NULL, 'y'},
    {"overwrite", no_argument, NULL, 'y'},
    {"force", no_argument, NULL, OPT_FORCE},
    {"no-mark", no_argument, NULL, OPT_NO_MARK},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"strength", required_argument, NULL, OPT_STRENGTH},
    {"vividness", required_argument, NULL, OPT_VIVIDNESS},
    {"size", required_argument, NULL, OPT_SIZE},
    {"hint", required_argument, NULL, OPT_HINT},
    {"confidence", required_argument, NULL, OPT_CONFIDENCE},
    {"json", no_argument, NULL, OPT_JSON},
    {"workspace", required_argument, NULL, OPT_WORKSPACE},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "Usage: colorizer INPUT... -o OUTPUT\n"
    "       colorizer INPUT... --out-dir DIRECTORY\n"
    "Colorizes gray photographs. A print of one tint (sepia, cyanotype) is taken for gray;\n"
    "a colour photograph is refused without --force, and then taken by its luminance.\n"
    "\n"
    "INPUT is a picture (--version lists the formats), a directory (its pictures, without\n"
    "those in folders inside it), or - for standard input. OUTPUT is a file, - for standard\n"
    "output, or a directory: with several inputs or a directory as input, and where OUTPUT\n"
    "ends in / or is a directory already. A missing directory is made. In a directory, what\n"
    "is there already and not older than its input is skipped, so a batch can be resumed.\n"
    "\n"
    "  -o, --output OUTPUT    where the coloured picture goes\n"
    "      --out-dir DIR      the same, and always a directory\n"
    "  -f, --format FORMAT    png, jpg, tiff, webp, jxl, or same (as the input); default: by\n"
    "                         OUTPUT's ending, png in a directory\n"
    "  -q, --quality N        quality of jpg, webp and jxl, 1..100 (90); 100 is lossless in\n"
    "                         webp and jxl\n"
    "  -y, --overwrite        overwrite files that exist (also --yes)\n"
    "      --force            colour photographs too\n"
    "      --no-mark          do not write into the output that a model made its colours\n"
    "  -m, --model FILE       a .czw model instead of the built-in one\n"
    "  -j, --threads N        threads, 1..64; 0: one for each processor (0)\n"
    "      --strength X       how much of the colour is applied, 0..1 (1)\n"
    "      --vividness X      0: safe and pale .. 2: vivid; default: the model's own\n"
    "      --size N           working size, 32..1024; 0: the model's own (0)\n"
    "      --hint X,Y=#RRGGBB a colour wanted at a pixel of the upright picture;\n"
    "                         X,Y,RADIUS=#RRGGBB sets the size of the spot; up to 256 times\n"
    "      --confidence FILE  write how sure the network was as a gray picture (one INPUT)\n"
    "      --json             progress and failures as JSON lines on standard error\n"
    "      --workspace WxH    print the bytes colorizer_open_static() needs for such a picture\n"
    "      --version, --help\n"
    "\n"
    "EXIF, XMP, IPTC, colour profile and resolution are kept; the picture is turned upright.\n"
    "16-bit and float samples stay what they are where the output's format has them. At most\n"
    "65535 pixels a side and 268 million in all.\n"
    "Exit code: 0 all done, 1 a file failed (the others are written), 2 wrong usage.\n";

static bool complain(const char *what, const char *value) {
    (void)fprintf(stderr, "colorizer: %s%s%s\nTry 'colorizer --help'.\n", what, value ? ": " : "", value ? value : "");
    return false;
}

static bool parse_int(const char *text, long low, long high, int *out) {
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < low || value > high) return false;
    *out = (int)value;
    return true;
}

/** Reads a finite number at *text and moves *text behind it. */
static bool take_number(const char **text, double *out) {
    char *end = NULL;
    *out = strtod(*text, &end);
    if (end == *text || !isfinite(*out)) return false;
    *text = end;
    return true;
}

static bool parse_real(const char *text, double low, double high, double *out) {
    return take_number(&text, out) && *text == '\0' && *out >= low && *out <= high;
}

/** "#RRGGBB" to three values 0..1. */
static bool parse_colour(const char *text, float rgb[3]) {
    if (text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6 || text[7] != '\0') return false;
    unsigned long value = strtoul(text + 1, NULL, 16);
    for (int i = 0; i < 3; i++) rgb[i] = (float)((value >> (16 - 8 * i)) & 255u) / 255.0f;
    return true;
}

/** "X,Y=#RRGGBB" or "X,Y,RADIUS=#RRGGBB". A pixel's centre lies half a pixel past its number. */
static bool parse_hint(const char *text, colorizer_hint *hint) {
    double x, y, radius = 0.0;
    float rgb[3];
    if (!take_number(&text, &x) || *text++ != ',' || !take_number(&text, &y)) return false;
    if (*text == ',') {
        text++;
        if (!take_number(&text, &radius)) return false;
    }
    if (*text++ != '=' || !parse_colour(text, rgb)) return false;
    if (x < 0.0 || y < 0.0 || radius < 0.0 || x > COLORIZER_MAX_SIDE || y > COLORIZER_MAX_SIDE) return false;
    *hint = (colorizer_hint){.struct_size = sizeof *hint,
                             .x = (float)x + 0.5f,
                             .y = (float)y + 0.5f,
                             .radius = (float)radius,
                             .red = rgb[0],
                             .green = rgb[1],
                             .blue = rgb[2]};
    return radius <= COLORIZER_MAX_SIDE;
}

static bool add_hint(options *o, const char *text) {
    if (o->hint_count == COLORIZER_MAX_HINTS) return complain("more than 256 hints", NULL);
    if (!parse_hint(text, &o->hints[o->hint_count])) return complain("--hint wants X,Y=#RRGGBB", text);
    o->hint_count++;
    return true;
}

static bool parse_format(const char *text, options *o) {
    o->same_format = strcmp(text, "same") == 0;
    o->format = o->same_format ? NULL : codec_by_name(text);
    return o->same_format || o->format != NULL;
}

static bool parse_workspace(options *o, const char *text) {
    char *end = NULL;
    long width = strtol(text, &end, 10);
    if (end == text || *end != 'x' || width < 1 || width > COLORIZER_MAX_SIDE) return false;
    o->workspace = true;
    o->workspace_width = (int)width;
    return parse_int(end + 1, 1, COLORIZER_MAX_SIDE, &o->workspace_height);
}

/** Numbers and words with a range. */
static bool take_value(options *o, int option, const char *value) {
    switch (option) {
    case 'f':
        return parse_format(value, o) || complain("--format is one that 'colorizer --version' names as written", value);
    case 'q':
        return parse_int(value, 1, 100, &o->quality) || complain("--quality is 1..100", value);
    case 'j':
        return parse_int(value, 0, 64, &o->threads) || complain("--threads is 0..64", value);
    case OPT_STRENGTH:
        return parse_real(value, 0.0, 1.0, &o->strength) || complain("--strength is 0..1", value);
    case OPT_VIVIDNESS:
        return parse_real(value, 0.0, 2.0, &o->vividness) || complain("--vividness is 0..2", value);
    case OPT_SIZE:
        return (parse_int(value, 0, 1024, &o->size) && (o->size == 0 || o->size >= 32)) ||
               complain("--size is 0 or 32..1024", value);
    case OPT_HINT:
        return add_hint(o, value);
    case OPT_WORKSPACE:
        return parse_workspace(o, value) || complain("--workspace wants WIDTHxHEIGHT", value);
    default:
        return complain("unknown option", NULL);
    }
}

static bool take_option(options *o, int option, const char *value) {
    switch (option) {
    case 'o':
        o->output = value;
        o->to_folder = false;
        return true;
    case 'm':
        o->model = value;
        return true;
    case 'y':
        o->overwrite = true;
        return true;
    case OPT_OUT_DIR:
        o->output = value;
        o->to_folder = true;
        return true;
    case OPT_FORCE:
        o->force = true;
        return true;
    case OPT_NO_MARK:
        o->no_mark = true;
        return true;
    case OPT_CONFIDENCE:
        o->confidence = value;
        return true;
    case OPT_JSON:
        o->json = true;
        return true;
    default:
        return take_value(o, option, value);
    }
}

/** What only the whole line can show. */
static bool check_together(const options *o) {
    int from_stdin = 0;
    if (o->workspace) return o->input_count == 0 || complain("--workspace takes no INPUT", NULL);
    if (o->input_count == 0) return complain("no INPUT", NULL);
    if (o->output == NULL) return complain("no -o OUTPUT", NULL);
    if (o->output[0] == '\0') return complain("OUTPUT is empty", NULL);
    for (int i = 0; i < o->input_count; i++) from_stdin += strcmp(o->inputs[i], "-") == 0;
    if (from_stdin > 1) return complain("standard input can be read only once", NULL);
    if (o->input_count > 1 && strcmp(o->output, "-") == 0)
        return complain("standard output takes one picture: give one INPUT", NULL);
    if (o->confidence == NULL) return true;
    if (o->input_count > 1) return complain("--confidence goes with one INPUT", NULL);
    if (strcmp(o->confidence, "-") == 0) return complain("--confidence wants a file", NULL);
    if (strcmp(o->confidence, o->output) == 0) return complain("--confidence and -o name the same file", NULL);
    return true;
}

static void print_version(void) {
    uint32_t abi = colorizer_abi_version();
    (void)printf("colorizer %d.%d.%d (library %s, ABI %u.%u)\n", COLORIZER_VERSION_MAJOR, COLORIZER_VERSION_MINOR,
                 COLORIZER_VERSION_PATCH, colorizer_version(), (unsigned)(abi >> 16), (unsigned)(abi & 0xffffu));
    codec_print_formats();
}

bool options_parse(options *o, int argc, char **argv, int *exit_code) {
    int option;
    *o = (options){.quality = 90, .strength = -1.0, .vividness = -1.0};
    *exit_code = EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "o:m:j:f:q:yhV", long_options, NULL)) != -1) {
        if (option == 'h' || option == 'V') {
            if (option == 'h')
                (void)fputs(usage, stdout);
            else
                print_version();
            *exit_code = fflush(stdout) == 0 ? EXIT_DONE : EXIT_SOME_FAILED;
            return false;
        }
        if (option == '?') { /* getopt_long has said what is wrong */
            (void)fputs("Try 'colorizer --help'.\n", stderr);
            return false;
        }
        if (!take_option(o, option, optarg)) return false;
    }
    o->inputs = argv + optind;
    o->input_count = argc - optind;
    return check_together(o);
}
