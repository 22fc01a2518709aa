import DINO
import Descriptors
import Images
import Tensors
import ViT

/// A baseline of raw colour, without form.
///
/// A place is described by the mean colours of its patch and of the three by three patches around it,
/// and by the colour histogram of these patches. A picture is described by its colour histogram.
/// Histograms are square roots of shares, so that their cosine is Bhattacharyya's coefficient.
package struct ColourDescriber: Describer {
    package var geometry: PatchView
    package var binning: Binning

    /// Levels of each colour channel in the histogram of a place: 64 bins for 576 pixels.
    private static let placeLevels = 4
    /// Levels of each colour channel in the histogram of a picture.
    private static let pictureLevels = 8

    package init(_ geometry: PatchView = PatchView(), binning: Binning = .none) {
        self.geometry = geometry
        self.binning = binning
    }

    package func descriptors(of photo: Image) throws -> DescriptorGrid {
        let (image, cells) = try geometry.cells(of: photo)
        let patch = geometry.patchSize
        let bins = Self.placeLevels * Self.placeLevels * Self.placeLevels
        let channels = 6 + bins
        let grid = cells.grid
        let values = Tensor(shape: [grid.rows, grid.columns, channels]) { values in
            nonisolated(unsafe) let values = values
            Parallelism.perform(count: grid.rows) { row in
                for column in 0..<grid.columns {
                    let start = (row * grid.columns + column) * channels
                    let (y, x) = (row * cells.stride.vertical, column * cells.stride.horizontal)
                    let inner = Box(x: x, y: y, width: patch, height: patch)
                    let left = max(0, x - patch)
                    let top = max(0, y - patch)
                    let outer = Box(
                        x: left, y: top, width: min(image.width, x + 2 * patch) - left,
                        height: min(image.height, y + 2 * patch) - top)
                    let parts =
                        image.meanColour(of: inner) + image.meanColour(of: outer)
                        + image.histogram(of: outer, levels: Self.placeLevels)
                    for (channel, value) in parts.enumerated() { values[start + channel] = value }
                }
            }
        }
        return DescriptorGrid(values: values, geometry: cells)
    }

    package func features(of pictures: LabelledPictures) throws -> (rows: Tensor, labels: [Int]) {
        try rows(of: pictures) { row(of: $0) }
    }

    /// The features of a whole picture.
    package func row(of photo: Image) -> [Float] {
        photo.histogram(
            of: Box(x: 0, y: 0, width: photo.width, height: photo.height),
            levels: Self.pictureLevels)
    }
}

extension Image {
    /// The mean of red, green and blue in a box, from -1 to 1.
    fileprivate func meanColour(of box: Box) -> [Float] {
        var sums = [0, 0, 0]
        forEachPixel(in: box) { red, green, blue in
            sums[0] += red
            sums[1] += green
            sums[2] += blue
        }
        return sums.map { Float($0) / Float(box.width * box.height) / 127.5 - 1 }
    }

    /// The square roots of the shares of colours in a box, a vector of unit length with `levels` cubed
    /// bins.
    fileprivate func histogram(of box: Box, levels: Int) -> [Float] {
        var counts = [Int](repeating: 0, count: levels * levels * levels)
        forEachPixel(in: box) { red, green, blue in
            counts[
                (red * levels / 256 * levels + green * levels / 256) * levels + blue * levels / 256] +=
                1
        }
        let all = Float(box.width * box.height)
        return counts.map { (Float($0) / all).squareRoot() }
    }

    private func forEachPixel(in box: Box, _ body: (Int, Int, Int) -> Void) {
        pixels.withUnsafeBufferPointer { pixels in
            for row in box.y..<box.y + box.height {
                var at = (row * width + box.x) * 3
                for _ in 0..<box.width {
                    body(Int(pixels[at]), Int(pixels[at + 1]), Int(pixels[at + 2]))
                    at += 3
                }
            }
        }
    }
}
