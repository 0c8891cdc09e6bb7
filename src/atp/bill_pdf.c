/* A document as PDF: A4, set with cairo from the stored text alone. Points are 1/72 inch; the page is 595 x 842. */
#include "atp/bill.h"
#include "base/json.h"

#include <cairo-pdf.h>
#include <stdio.h>
#include <string.h>

#define PAGE_W 595.276
#define PAGE_H 841.89
#define LEFT 62.0
#define RIGHT (PAGE_W - 62.0)
#define COLUMN_DAY LEFT
#define COLUMN_TEXT (LEFT + 68)
#define COLUMN_ENERGY (LEFT + 300)
#define COLUMN_TAX (LEFT + 316)
#define BOTTOM (PAGE_H - 90.0)

struct page {
    cairo_t *cr;
    const json_t *root;
    double y;
    int number;
};

static cairo_status_t append(void *closure, const unsigned char *bytes, unsigned int length)
{
    struct fg_text *text = closure;
    fg_text_append(text, (const char *)bytes, length);
    return text->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static const char *member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static void set_font(struct page *page, double size, bool bold, double grey)
{
    cairo_select_font_face(page->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(page->cr, size);
    cairo_set_source_rgb(page->cr, grey, grey, grey);
}

static double width_of(struct page *page, const char *text)
{
    cairo_text_extents_t extents;
    cairo_text_extents(page->cr, text, &extents);
    return extents.x_advance;
}

/* Text that does not fit into `room` is cut with an ellipsis at a character boundary. */
static void put(struct page *page, double x, const char *text, double room)
{
    char cut[512];
    snprintf(cut, sizeof cut, "%s", text);
    size_t length = fg_utf8_valid_length(cut, strlen(cut));
    cut[length] = '\0';
    while (length > 0 && width_of(page, cut) > room) {
        do
            length--;
        while (length > 0 && ((unsigned char)cut[length] & 0xC0) == 0x80);
        if (length > sizeof cut - 4)
            continue;
        strcpy(cut + length, "…");
    }
    cairo_move_to(page->cr, x, page->y);
    cairo_show_text(page->cr, cut);
}

static void put_right(struct page *page, double x, const char *text)
{
    cairo_move_to(page->cr, x - width_of(page, text), page->y);
    cairo_show_text(page->cr, text);
}

static void rule(struct page *page, double from, double grey, double width)
{
    cairo_set_source_rgb(page->cr, grey, grey, grey);
    cairo_set_line_width(page->cr, width);
    cairo_move_to(page->cr, from, page->y);
    cairo_line_to(page->cr, RIGHT, page->y);
    cairo_stroke(page->cr);
}

static void put_footer(struct page *page)
{
    char text[200];
    double y = page->y;
    page->y = PAGE_H - 48;
    set_font(page, 8, false, 0.45);
    snprintf(text, sizeof text, "%s %s", member(page->root, "title"), member(page->root, "number"));
    put(page, LEFT, text, 400);
    snprintf(text, sizeof text, "page %d", page->number);
    put_right(page, RIGHT, text);
    page->y = y;
}

/* An address has its parts on lines of their own: they are separated by commas or line ends. */
static void put_party(struct page *page, double x, const char *heading, const json_t *party)
{
    char address[512], line[300], *rest = address;
    set_font(page, 8, false, 0.45);
    put(page, x, heading, 220);
    page->y += 15;
    set_font(page, 10, true, 0.1);
    put(page, x, member(party, "name"), 220);
    set_font(page, 9.5, false, 0.2);
    snprintf(address, sizeof address, "%s", member(party, "address"));
    for (char *part; (part = strsep(&rest, ",\n")) != NULL;) {
        part += strspn(part, " ");
        if (part[0] == '\0')
            continue;
        page->y += 13;
        put(page, x, part, 220);
    }
    page->y += 13;
    put(page, x, member(party, "country"), 220);
    if (member(party, "vat_number")[0] != '\0') {
        snprintf(line, sizeof line, "VAT number %s", member(party, "vat_number"));
        page->y += 13;
        put(page, x, line, 220);
    }
}

static void put_table_head(struct page *page)
{
    set_font(page, 8, false, 0.45);
    put(page, COLUMN_DAY, "Day of delivery", 70);
    put(page, COLUMN_TEXT, "Supply", 170);
    put_right(page, COLUMN_ENERGY, "MWh");
    put(page, COLUMN_TAX, "Tax", 90);
    char text[40];
    snprintf(text, sizeof text, "Amount %s", member(page->root, "currency"));
    put_right(page, RIGHT, text);
    page->y += 6;
    rule(page, LEFT, 0.3, 0.8);
    page->y += 16;
}

static void next_page(struct page *page)
{
    put_footer(page);
    cairo_show_page(page->cr);
    page->number++;
    page->y = 80;
}

static void put_lines(struct page *page)
{
    static const char *const words[][2] = {{"standard", "standard"}, {"reverse_charge", "reverse charge"}, {"outside_scope", "outside scope"}};
    json_t *line;
    size_t i;
    put_table_head(page);
    json_array_foreach(json_object_get(page->root, "lines"), i, line) {
        if (page->y > BOTTOM) {
            next_page(page);
            put_table_head(page);
        }
        set_font(page, 9.5, false, 0.1);
        put(page, COLUMN_DAY, member(line, "day"), 64);
        put(page, COLUMN_TEXT, member(line, "text"), 160);
        /* As many decimals as a kWh needs; the full number is in the JSON and CSV. */
        const char *energy = member(line, "energy_mwh"), *point = strchr(energy, '.');
        char shown[64];
        snprintf(shown, sizeof shown, "%.*s", point != NULL && strlen(point) > 5 ? (int)(point - energy) + 6 : 40, energy);
        put_right(page, COLUMN_ENERGY, shown);
        for (size_t w = 0; w < sizeof words / sizeof *words; w++)
            if (strcmp(words[w][0], member(line, "tax")) == 0)
                put(page, COLUMN_TAX, words[w][1], 80);
        put_right(page, RIGHT, member(line, "amount"));
        page->y += 15;
    }
}

static void put_total(struct page *page, const char *text, const char *amount, bool bold)
{
    set_font(page, bold ? 11 : 9.5, bold, 0.1);
    put(page, COLUMN_TAX - 40, text, 160);
    put_right(page, RIGHT, amount);
    page->y += bold ? 18 : 15;
}

static bool is_zero(const char *amount)
{
    return strspn(amount, "-0.") == strlen(amount);
}

static void put_totals(struct page *page)
{
    char text[200];
    long rate_u = 0;
    const json_t *net_of = json_object_get(page->root, "net_of");
    if (page->y > BOTTOM - 150)
        next_page(page);
    page->y += 2;
    rule(page, COLUMN_TAX - 40, 0.3, 0.8);
    page->y += 16;
    if (!is_zero(member(page->root, "rounding")))
        put_total(page, "Rounding", member(page->root, "rounding"), false);
    put_total(page, "Net", member(page->root, "net"), false);
    double rate = 0;
    if (fg_number_parse(member(page->root, "tax_rate"), &rate))
        rate_u = (long)(rate * 10000 + 0.5); /* hundredths of a per cent */
    snprintf(text, sizeof text, "VAT %ld.%02ld %% of %s", rate_u / 100, rate_u % 100, member(net_of, "standard"));
    if (rate_u % 100 == 0)
        snprintf(text, sizeof text, "VAT %ld %% of %s", rate_u / 100, member(net_of, "standard"));
    if (!is_zero(member(net_of, "standard")))
        put_total(page, text, member(page->root, "tax"), false);
    page->y += 3;
    snprintf(text, sizeof text, "Total %s", member(page->root, "currency"));
    put_total(page, text, member(page->root, "gross"), true);
}

static void put_closing(struct page *page)
{
    char text[400];
    json_t *item;
    size_t i;
    const json_t *supplier = json_object_get(page->root, "supplier");
    page->y += 14;
    set_font(page, 9.5, false, 0.1);
    snprintf(text, sizeof text, "Payable by %s%s%s", member(page->root, "due"), member(supplier, "iban")[0] != '\0' ? " to " : "",
             member(supplier, "iban"));
    if (member(page->root, "gross")[0] == '-')
        snprintf(text, sizeof text, "The supplier pays this amount back by %s.", member(page->root, "due"));
    put(page, LEFT, text, RIGHT - LEFT);
    json_array_foreach(json_object_get(page->root, "notes"), i, item) {
        page->y += 14;
        put(page, LEFT, json_string_value(item), RIGHT - LEFT);
    }
}

static void put_document(struct page *page)
{
    char text[400];
    json_t *item;
    size_t i;
    page->y = 84;
    set_font(page, 20, true, 0.1);
    put(page, LEFT, member(page->root, "title"), RIGHT - LEFT);
    page->y += 20;
    set_font(page, 10.5, false, 0.3);
    put(page, LEFT, member(page->root, "number"), RIGHT - LEFT);
    double top = page->y + 32;
    page->y = top;
    put_party(page, LEFT, "SUPPLIER", json_object_get(page->root, "supplier"));
    double lower = page->y;
    page->y = top;
    put_party(page, LEFT + 245, "CUSTOMER", json_object_get(page->root, "customer"));
    page->y = (page->y > lower ? page->y : lower) + 32;
    set_font(page, 9.5, false, 0.1);
    snprintf(text, sizeof text, "Issued %s    Delivery from %s to %s", member(page->root, "issued"),
             member(page->root, "delivery_from"), member(page->root, "delivery_until"));
    put(page, LEFT, text, RIGHT - LEFT);
    json_array_foreach(json_object_get(page->root, "changes"), i, item) {
        page->y += 14;
        snprintf(text, sizeof text, "Changes %s", json_string_value(item));
        put(page, LEFT, text, RIGHT - LEFT);
    }
    page->y += 30;
    put_lines(page);
    put_totals(page);
    put_closing(page);
    put_footer(page);
}

enum fg_code fg_bill_pdf(const char *json, struct fg_text *pdf, struct fg_error *err)
{
    json_t *root;
    enum fg_code code = fg_json_load_text(json, strlen(json), "document", &root, err);
    if (code != FG_OK)
        return code;
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(append, pdf, PAGE_W, PAGE_H);
    /* The file shall be the same whenever it is made: its date is the document's. */
    char date[40];
    snprintf(date, sizeof date, "%sT00:00:00Z", member(root, "issued"));
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, date);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, member(root, "number"));
    struct page page = {cairo_create(surface), root, 0, 1};
    put_document(&page);
    cairo_show_page(page.cr);
    cairo_status_t status = cairo_status(page.cr);
    cairo_destroy(page.cr);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    json_decref(root);
    if (status == CAIRO_STATUS_NO_MEMORY || pdf->failed)
        return fg_fail_memory(err);
    return status == CAIRO_STATUS_SUCCESS ? FG_OK : fg_fail(err, FG_ERR_IO, NULL, "the PDF cannot be made: %s", cairo_status_to_string(status));
}
