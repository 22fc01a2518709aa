import Descriptors
import Images
import Synthesis
import Tensors
import ViT

/// A network, and what the quickstart asks of it.
struct Network {
    private let extractor: Extractor

    /// - Parameter loadSize: the side that pictures have in the network, in pixels.
    init(_ model: VisionTransformer, loadSize: Int) {
        // Patches overlap, so that places are finer than a patch.
        extractor = Extractor(
            model, preprocessing: Preprocessing(loadSize: loadSize), stride: PatchStride(4))
    }

    /// The class token's features of pictures of one size, `[pictures, width]`.
    func embeddings(of images: [Image]) -> Tensor {
        let side = images[0].width
        let most = 64
        return .concatenated(
            stride(from: 0, to: images.count, by: most).map { start in
                let inputs = images[start..<min(start + most, images.count)].map {
                    extractor.preprocessing.tensor(of: $0).reshaped(to: [1, 3, side, side])
                }
                return extractor.model.embeddings(of: .concatenated(inputs))
            })
    }

    /// Where keypoints of one creature are in the picture of another, by the nearest descriptors.
    func carry(
        _ names: [Keypoint], from source: Creature, to target: Creature
    ) throws -> [Keypoint: Point] {
        let from = try descriptors(of: source.image)
        let to = try descriptors(of: target.image)
        let nearest = NearestNeighbours(from, to, binning: .none).source
        var places: [Keypoint: Point] = [:]
        for name in names {
            guard let place = source.keypoints[name]?.place else { continue }
            let cell = from.geometry.cell(nearest: place)
            let found = nearest[cell.row * from.grid.columns + cell.column]
            let pixel = to.pixel(of: to.cell(at: Int(found.index)))
            places[name] = Point(x: pixel.x, y: pixel.y)
        }
        return places
    }

    private func descriptors(of image: Image) throws -> DescriptorGrid {
        try extractor.descriptors(of: image, layer: extractor.lastLayer)
    }

    func saliency(of image: Image) throws -> PixelSaliency {
        let tap = FeatureTap(layer: extractor.lastLayer, facet: .classAttention)
        let (features, geometry) = try extractor.features(
            of: extractor.networkImage(of: image), at: [tap])
        return PixelSaliency(
            SaliencyMap(features, layer: tap.layer).values.elements, geometry: geometry)
    }
}

/// Saliency, brought from patches to a picture's pixels.
struct PixelSaliency {
    private let values: [Float]
    private let geometry: DescriptorGrid.Geometry

    init(_ values: [Float], geometry: DescriptorGrid.Geometry) {
        self.values = values
        self.geometry = geometry
    }

    /// Each pixel's value, row by row, bilinear between the centres of the patches.
    func pixels() -> [Float] {
        let grid = geometry.grid
        return (0..<geometry.photoHeight * geometry.photoWidth).map { at in
            let (row, column) = at.quotientAndRemainder(dividingBy: geometry.photoWidth)
            let place = geometry.place(of: Point(x: Double(column) + 0.5, y: Double(row) + 0.5))
            let (left, top) = (Int(place.x), Int(place.y))
            let right = min(left + 1, grid.columns - 1)
            func along(_ row: Int) -> Float {
                let start = row * grid.columns
                return values[start + left]
                    + Float(place.x - Double(left)) * (values[start + right] - values[start + left])
            }
            let upper = along(top)
            let lower = along(min(top + 1, grid.rows - 1))
            return upper + Float(place.y - Double(top)) * (lower - upper)
        }
    }

    /// The pixels that hold 60% of the saliency, the most salient first: the threshold of Caron et
    /// al. 2021, section 4.2.2.
    func foreground(keeping share: Float = 0.6) -> [Bool] {
        let pixels = pixels()
        let sorted = pixels.sorted(by: >)
        let wanted = share * pixels.reduce(0, +)
        var sum: Float = 0
        let last = sorted.first { value in
            sum += value
            return sum >= wanted
        }
        return pixels.map { $0 >= last ?? .infinity && $0 > 0 }
    }
}

extension DescriptorGrid.Geometry {
    /// The cell whose centre is nearest to a place in the photo.
    func cell(nearest place: Point) -> DescriptorGrid.Cell {
        let place = self.place(of: place)
        return DescriptorGrid.Cell(row: Int(place.y.rounded()), column: Int(place.x.rounded()))
    }

    /// Where a place in the photo lies among the centres of the cells: whole numbers at a centre.
    func place(of place: Point) -> Point {
        func among(_ place: Double, _ image: Int, _ photo: Int, _ step: Int, _ count: Int) -> Double
        {
            let inImage = place * Double(image) / Double(photo)
            let cell = (inImage - Double(patchSize) / 2) / Double(step)
            return min(max(cell, 0), Double(count - 1))
        }
        return Point(
            x: among(place.x, imageWidth, photoWidth, stride.horizontal, grid.columns),
            y: among(place.y, imageHeight, photoHeight, stride.vertical, grid.rows))
    }
}
