import Foundation
import Images
import Platform

/// An interactive page: the reader points at a place in one photo and sees how similar each place of
/// another is. It is a single HTML file without a server or external resources.
///
/// It contains the descriptors of both photos, quantised to one byte per channel, for the heat map, and
/// the exact nearest neighbour of each cell, which it marks. Its content security policy allows only the
/// page's own script, by hash. After dino-vit-features, inspect_similarity.py.
public struct SimilarityPage: Sendable {
    /// One of the photos.
    public struct Side: Sendable {
        /// The photo's name on the page.
        public var name: String
        /// The photo as it is shown, at any size.
        public var picture: Image
        /// The photo's descriptors.
        public var descriptors: DescriptorGrid

        /// A photo with its descriptors.
        public init(name: String, picture: Image, descriptors: DescriptorGrid) {
            self.name = name
            self.picture = picture
            self.descriptors = descriptors
        }
    }

    /// The photo that is pointed at.
    public var source: Side
    /// The photo that is searched.
    public var target: Side
    /// Whether descriptors are compared together with their surroundings. It does not change the size of
    /// the file.
    public var binning: Binning
    /// A line below the photos, such as the network and the layer.
    public var caption: String

    /// A page for two photos.
    ///
    /// - Parameters:
    ///   - source: the photo that is pointed at.
    ///   - target: the photo that is searched.
    ///   - binning: whether descriptors are compared together with their surroundings.
    ///   - caption: a line below the photos.
    /// - Precondition: the descriptors of both sides have the same number of channels.
    public init(source: Side, target: Side, binning: Binning = .none, caption: String = "") {
        require(
            source.descriptors.channels == target.descriptors.channels,
            "SimilarityPage: descriptors of \(source.descriptors.channels) and "
                + "\(target.descriptors.channels) channels")
        self.source = source
        self.target = target
        self.binning = binning
        self.caption = caption
    }

    /// Renders the page as UTF-8. Its size is 4/3 byte per value of both grids, plus the pictures as PNG
    /// in base64.
    ///
    /// - Throws: `ImageError` if a picture cannot be encoded.
    /// - Complexity: that of `bestBuddies(_:_:binning:)`, for the nearest neighbours.
    public func html() throws(ImageError) -> Data {
        let nearest = NearestNeighbours(
            source.descriptors, target.descriptors, binning: binning
        ).source
        var page = Data()
        func add(_ text: String) { page.append(contentsOf: text.utf8) }
        func add(_ id: String, _ bytes: Data) {
            add("<script type=\"text/plain\" id=\"\(id)\">")
            page.append(bytes.base64EncodedData())
            add("</script>\n")
        }
        let pictures = [try dataURI(source), try dataURI(target)]
        add(head)
        add(body(pictures: pictures))
        for (name, side) in [("source", source), ("target", target)] {
            let grid = QuantizedGrid(side.descriptors, binning: binning)
            add(name + "-values", bytes(of: grid.values))
            add(name + "-scales", bytes(of: grid.scales.map(\.bitPattern.littleEndian)))
            add(
                name + "-inverse-norms",
                bytes(of: grid.inverseNorms.map(\.bitPattern.littleEndian)))
        }
        add("best-cells", bytes(of: nearest.map(\.index.littleEndian)))
        add("best-cosines", bytes(of: nearest.map(\.similarity.bitPattern.littleEndian)))
        add("<script type=\"application/json\" id=\"layout\">\(layout)</script>\n")
        add("<script>\(Self.script)</script>\n</body>\n</html>\n")
        return page
    }

    private func bytes<Value: BitwiseCopyable>(of values: [Value]) -> Data {
        values.withUnsafeBytes { Data($0) }
    }

    private func dataURI(_ side: Side) throws(ImageError) -> String {
        let png = try side.picture.encodedPNG(name: side.name)
        return "data:image/png;base64," + Data(png).base64EncodedString()
    }

    /// The script's parameters as JSON: grids, levels of binning and colours.
    private var layout: String {
        func side(_ side: Side) -> String {
            let geometry = side.descriptors.geometry
            return """
                {"rows":\(geometry.grid.rows),"columns":\(geometry.grid.columns),\
                "width":\(geometry.imageWidth),"height":\(geometry.imageHeight),\
                "patch":\(geometry.patchSize),"strideX":\(geometry.stride.horizontal),\
                "strideY":\(geometry.stride.vertical),\
                "photoWidth":\(geometry.photoWidth),"photoHeight":\(geometry.photoHeight)}
                """
        }
        let levels = binning.levels.map { "{\"step\":\($0.step),\"centre\":\($0.hasCentre)}" }
        let colours = ColourMap.magma.colours.flatMap { [$0.red, $0.green, $0.blue] }
        return """
            {"channels":\(source.descriptors.channels),"source":\(side(source)),\
            "target":\(side(target)),"levels":[\(levels.joined(separator: ","))],\
            "colours":[\(colours.map(String.init).joined(separator: ","))]}
            """
    }

    private var head: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
        style-src '\(Self.styleHash)'; script-src '\(Self.scriptHash)'; base-uri 'none'; form-action 'none'">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="referrer" content="no-referrer">
        <title>\(htmlEscaped(source.name)) and \(htmlEscaped(target.name)): similar places</title>
        <link rel="icon" href="data:,">
        <style>\(Self.style)</style>
        </head>

        """
    }

    private func body(pictures: [String]) -> String {
        func size(_ side: Side) -> String {
            "width=\"\(side.picture.width)\" height=\"\(side.picture.height)\""
        }
        func cells(_ side: Side) -> String {
            "\(side.descriptors.grid.rows) × \(side.descriptors.grid.columns) cells"
        }
        let (from, to) = (htmlEscaped(source.name), htmlEscaped(target.name))
        return """
            <body>
            <main>
            <header>
            <h1>Where is this in the other photo?</h1>
            <p class="lead" id="hint">Point at <b>\(from)</b> or tap it: the colours over <b>\(to)</b> show how
            similar each place is, the square marks the most similar one. <span class="mouse">Click to hold
            the point, press Esc to let it follow the pointer again; arrow keys move it, with Shift by five
            cells.</span></p>
            </header>
            <noscript><p>This page needs JavaScript; its script reads only this file.</p></noscript>
            <div class="pair">
            <figure>
            <div class="stage" id="source" tabindex="0" role="application"
              aria-label="\(from), \(cells(source)). Arrow keys choose one."
              aria-describedby="hint readout"><img src="\(pictures[0])" \(size(source))
              alt="\(from)" draggable="false"><span class="mark" hidden></span></div>
            <figcaption><b>\(from)</b> <span>\(cells(source))</span></figcaption>
            </figure>
            <figure>
            <div class="stage" id="target"><img src="\(pictures[1])" \(size(target)) alt="\(to)"
              draggable="false"><canvas aria-hidden="true"></canvas><span class="mark" hidden></span></div>
            <figcaption><b>\(to)</b> <span>\(cells(target))</span></figcaption>
            </figure>
            </div>
            <div class="panel">
            <p id="readout" role="status" aria-live="polite"></p>
            <div class="controls">
            <div class="legend"><span id="least"></span><canvas id="scale" width="256" height="1"
              role="img" aria-label="Colours from the least to the greatest cosine"></canvas><span
              id="greatest"></span></div>
            <label>Colours <input type="range" id="strength" min="0" max="100" value="65"></label>
            </div>
            <p class="note">\(htmlEscaped(caption))</p>
            </div>
            </main>

            """
    }
}
