import DINO
import Descriptors
import Foundation
import Images
import Tensors

/// A baseline of histograms of oriented gradients, HOG (Dalal and Triggs 2005).
///
/// A place is described by the histograms of its patch and of the eight patches around it, normalised
/// together. A picture is described in the usual form: adjacent cells of 8x8 pixels, in overlapping
/// blocks of 2x2 cells, each normalised.
package struct GradientDescriber: Describer {
    package var geometry: PatchView
    package var binning: Binning
    /// The side that pictures are resized to for classification, in pixels; nil keeps their size.
    package var pictureSide: Int?

    package init(
        _ geometry: PatchView = PatchView(), binning: Binning = .none, pictureSide: Int? = 64
    ) {
        self.geometry = geometry
        self.binning = binning
        self.pictureSide = pictureSide
    }

    package func descriptors(of photo: Image) throws -> DescriptorGrid {
        let (image, cells) = try geometry.cells(of: photo)
        let gradients = Gradients(of: image)
        let patch = geometry.patchSize
        let channels = 9 * Gradients.bins
        let grid = cells.grid
        let values = Tensor(shape: [grid.rows, grid.columns, channels]) { values in
            nonisolated(unsafe) let values = values
            Parallelism.perform(count: grid.rows) { row in
                for column in 0..<grid.columns {
                    var block: [Float] = []
                    block.reserveCapacity(channels)
                    for (down, right) in PatchView.surroundings {
                        // At the border, the nearest patch inside the picture.
                        let y = row * cells.stride.vertical + down * patch
                        let x = column * cells.stride.horizontal + right * patch
                        block += gradients.histogram(
                            x: min(max(x, 0), image.width - patch),
                            y: min(max(y, 0), image.height - patch), side: patch)
                    }
                    let start = (row * grid.columns + column) * channels
                    for (channel, value) in block.clippedUnit().enumerated() {
                        values[start + channel] = value
                    }
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
        let image = pictureSide.map { photo.resized(width: $0, height: $0, using: .bilinear) }
        return Gradients(of: image ?? photo).blocks()
    }
}

extension PatchView {
    /// Offsets of a patch's three by three neighbourhood, row by row.
    fileprivate static let surroundings = [-1, 0, 1].flatMap { row in
        [-1, 0, 1].map { (row, $0) }
    }
}

/// The gradients of a picture, in summed-area tables, so that the histogram of any box takes O(1).
struct Gradients {
    /// The number of orientations of unsigned gradients, from 0 to 180 degrees.
    static let bins = 9

    private let width: Int
    private let height: Int
    /// For each orientation, the sums of all magnitudes above and to the left:
    /// `[bins, height + 1, width + 1]`.
    private let sums: [Double]

    /// Computes central differences in the channel with the longest gradient, 0 at the border; each pixel
    /// votes for one orientation (as in scikit-image's `hog`).
    init(of image: Image) {
        let (width, height) = (image.width, image.height)
        let pitch = width + 1
        let plane = pitch * (height + 1)
        var sums = [Double](repeating: 0, count: Self.bins * plane)
        image.pixels.withUnsafeBufferPointer { pixels in
            for row in 0..<height {
                for column in 0..<width {
                    var longest = (right: 0, down: 0, square: 0)
                    for channel in 0..<3 {
                        func sample(_ row: Int, _ column: Int) -> Int {
                            Int(pixels[(row * width + column) * 3 + channel])
                        }
                        let isInside = (1..<height - 1).contains(row)
                        let down = isInside ? sample(row + 1, column) - sample(row - 1, column) : 0
                        let isBetween = (1..<width - 1).contains(column)
                        let right =
                            isBetween ? sample(row, column + 1) - sample(row, column - 1) : 0
                        let square = right * right + down * down
                        if square > longest.square { longest = (right, down, square) }
                    }
                    guard longest.square > 0 else { continue }
                    var degrees = atan2(Double(longest.down), Double(longest.right)) * 180 / .pi
                    if degrees < 0 { degrees += 180 }
                    let bin = Int(degrees * Double(Self.bins) / 180) % Self.bins
                    sums[bin * plane + (row + 1) * pitch + column + 1] =
                        Double(longest.square).squareRoot()
                }
            }
        }
        for bin in 0..<Self.bins {
            for row in 1...height {
                var along = 0.0
                for column in 1...width {
                    let at = bin * plane + row * pitch + column
                    along += sums[at]
                    sums[at] = sums[at - pitch] + along
                }
            }
        }
        self.width = width
        self.height = height
        self.sums = sums
    }

    /// The mean magnitude of each orientation in a square.
    func histogram(x: Int, y: Int, side: Int) -> [Float] {
        let pitch = width + 1
        return (0..<Self.bins).map { bin in
            let at = (bin * (height + 1) + y) * pitch + x
            let sum =
                sums[at] + sums[at + side * (pitch + 1)] - sums[at + side]
                - sums[at + side * pitch]
            return Float(sum) / Float(side * side)
        }
    }

    /// The blocks of 2x2 cells of 8x8 pixels, row by row, each of unit length.
    func blocks() -> [Float] {
        let cell = 8
        let (rows, columns) = (height / cell, width / cell)
        let cells: [[Float]] = (0..<rows * columns).map { index in
            histogram(x: index % columns * cell, y: index / columns * cell, side: cell)
        }
        var result: [Float] = []
        for row in 0..<max(0, rows - 1) {
            for column in 0..<max(0, columns - 1) {
                let at = row * columns + column
                var block = cells[at]
                for neighbour in [at + 1, at + columns, at + columns + 1] {
                    block += cells[neighbour]
                }
                result += block.clippedUnit()
            }
        }
        return result
    }
}

extension [Float] {
    /// Normalises to unit length, clips at 0.2 and normalises again ("L2-Hys", Dalal and Triggs 2005,
    /// section 6.4; the epsilon of 1e-5 is scikit-image's).
    fileprivate func clippedUnit() -> [Float] {
        func unit(_ values: [Float]) -> [Float] {
            let length = (values.reduce(0) { $0 + $1 * $1 } + 1e-10).squareRoot()
            return values.map { $0 / length }
        }
        return unit(unit(self).map { Swift.min($0, 0.2) })
    }
}
