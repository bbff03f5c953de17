"""PDF: pages to text, and the joining of pages.

`pages` says what a page is, `text_layer` reads and draws pages (PyMuPDF, with pypdfium2 as second
reader), `ocr` reads drawn pages with one of the `ocr_engines` (`rapid_ocr`, `tesseract`), which give
`ocr_lines`, `layout` puts the lines of a page in reading order, `trust` decides whether a page's text
is to be believed, `assembly` joins pages to a document.
"""
