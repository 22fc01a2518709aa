import Descriptors
import Images
import Tensors
import Testing
import ViT

/// Cells map to the pixels of a photo by the centres of their patches, not by a grid stretched over the photo. Expected
/// positions are derived from strides and patch sizes.
@Suite struct CellSamplingTests {
    /// A photo 4,032 pixels wide, 18 for each pixel of the network's image (and only 28 high, for speed).
    private static let width = 4032
    private static let height = 28
    private static let large = DescriptorGrid.Geometry(
        imageWidth: 224, imageHeight: 224, patchSize: 8, stride: PatchStride(4), photoWidth: width,
        photoHeight: height)

    /// Where the cells before `k` end on that photo. Centres are at 4 k + 4 pixels of the network's image, so the border is
    /// halfway, at 4 k + 2; a stretched grid would put it at 4032 k / 55.
    private static func border(_ k: Int) -> Int { (4 * k + 2) * 18 }

    /// Various photos and networks, some with a remainder that no patch covers.
    static let geometries: [DescriptorGrid.Geometry] = [
        large,
        .init(
            imageWidth: 298, imageHeight: 224, patchSize: 14, stride: PatchStride(14),
            photoWidth: 640, photoHeight: 480),
        .init(
            imageWidth: 37, imageHeight: 50, patchSize: 8,
            stride: PatchStride(vertical: 3, horizontal: 5), photoWidth: 111, photoHeight: 29),
        .init(width: 30, height: 25, patchSize: 4, stride: PatchStride(4)),
        .init(
            imageWidth: 8, imageHeight: 12, patchSize: 8, stride: PatchStride(8), photoWidth: 5,
            photoHeight: 40),
    ]

    /// Against a search over all centres.
    @Test(arguments: geometries)
    func pixelsTakeNearestCell(_ geometry: DescriptorGrid.Geometry) {
        let sampling = CellSampling(
            geometry, width: geometry.photoWidth, height: geometry.photoHeight)
        func check(_ found: [Int], _ centres: [Double]) {
            for (pixel, cell) in found.enumerated() {
                let distances = centres.map { abs($0 - Double(pixel) - 0.5) }
                #expect(distances[cell] <= (distances.min() ?? 0) + 1e-9)
            }
        }
        let columns = (0..<geometry.grid.columns).map {
            geometry.pixel(of: .init(row: 0, column: $0)).x
        }
        let rows = (0..<geometry.grid.rows).map {
            geometry.pixel(of: .init(row: $0, column: 0)).y
        }
        #expect(sampling.columns.count == geometry.photoWidth)
        #expect(sampling.rows.count == geometry.photoHeight)
        check(sampling.columns, columns)
        check(sampling.rows, rows)
        #expect(sampling.pixelColumns == columns.map { Int($0) })
        #expect(sampling.pixelRows == rows.map { Int($0) })
    }

    /// Values are interpolated between the outer centres and constant beyond them.
    @Test(arguments: geometries)
    func interpolationPreservesLinearFunctions(_ geometry: DescriptorGrid.Geometry) {
        let grid = geometry.grid
        let centres = (0..<grid.count).map {
            geometry.pixel(of: .init(row: $0 / grid.columns, column: $0 % grid.columns))
        }
        let (width, height) = (geometry.photoWidth, geometry.photoHeight)
        let found = geometry.interpolated(
            centres.map { Float(2 * $0.x - 3 * $0.y) }, width: width, height: height)
        for y in stride(from: 0, to: height, by: max(1, height / 50)) {
            for x in stride(from: 0, to: width, by: max(1, width / 50)) {
                let column = min(max(Double(x) + 0.5, centres[0].x), centres[grid.count - 1].x)
                let row = min(max(Double(y) + 0.5, centres[0].y), centres[grid.count - 1].y)
                let expected = 2 * column - 3 * row
                #expect(abs(Double(found[y * width + x]) - expected) < 1e-6 * 20_000)
            }
        }
    }

    /// A black picture with two kinds of cells: those in the columns before `k`, and the others.
    private func picture(border k: Int) -> SegmentationFeatures {
        let grid = Self.large.grid
        let values = (0..<grid.count).flatMap { cell -> [Float] in
            cell % grid.columns < k ? [1, 0] : [0, 1]
        }
        let saliency = (0..<grid.count).map { $0 % grid.columns < k ? 1 : 0 as Float }
        let shape: Shape = [grid.rows, grid.columns]
        return SegmentationFeatures(
            descriptors: DescriptorGrid(
                values: Tensor(values, shape: [grid.rows, grid.columns, 2]), geometry: Self.large),
            saliency: SaliencyMap(values: Tensor(saliency, shape: shape)),
            image: Image(width: 224, height: 224, colour: .black))
    }

    /// Where a row of labels changes; nil unless it changes exactly once.
    private func changePoint(_ labels: some RandomAccessCollection<UInt8>) -> Int? {
        let changes = zip(labels, labels.dropFirst()).enumerated().filter { $1.0 != $1.1 }
        return changes.count == 1 ? changes[0].offset + 1 : nil
    }

    /// Where all rows of labels change after resizing to the photo; nil unless they agree.
    private func changePoint(_ map: LabelMap) -> Int? {
        let map = map.resized(width: Self.width, height: Self.height)
        let rows = (0..<Self.height).map {
            changePoint(map.labels[$0 * Self.width..<($0 + 1) * Self.width])
        }
        return Set(rows).count == 1 ? rows[0] : nil
    }

    @Test(arguments: [1, 2, 27, 40, 54]) func maskEndsHalfwayBetweenCentres(_ k: Int) {
        var options = CoSegmentation.Options()
        options.clustering.sampleInterval = 1
        options.refinement = nil
        let picture = picture(border: k)
        let mask = CoSegmentation(fitting: [picture], options: options).mask(of: picture)
        #expect(changePoint(mask) == Self.border(k))
    }

    @Test(arguments: [1, 2, 27, 40, 54]) func partsEndHalfwayBetweenCentres(_ k: Int) {
        var options = PartCoSegmentation.Options()
        options.foreground.clustering.sampleInterval = 1
        options.parts = 2
        options.refinement = nil
        let picture = picture(border: k)
        let all = LabelMap(
            width: Self.width, height: Self.height,
            labels: [UInt8](repeating: 1, count: Self.width * Self.height))
        let parts = PartCoSegmentation(fitting: [picture], masks: [all], options: options)
        #expect(changePoint(parts.labels(of: picture)) == Self.border(k))
    }

    @Test(arguments: [1, 27, 54]) func componentsEndHalfwayBetweenCentres(_ k: Int) {
        let picture = picture(border: k)
        let colours = componentPicture(
            picture.descriptors.values, geometry: Self.large, width: Self.width, height: 3)
        #expect(changePoint((0..<Self.width).map { colours[$0, 1].red }) == Self.border(k))
    }

    /// Midway between two cells saliency crosses one half, which is where the foreground ends.
    @Test(arguments: [1, 27, 54]) func saliencyEndsHalfwayBetweenCentres(_ k: Int) {
        let picture = picture(border: k)
        let values = picture.saliency?.values.elements ?? []
        let heat = Self.large.interpolated(values, width: Self.width, height: 3)
        #expect(changePoint((0..<Self.width).map { heat[$0] > 0.5 ? 1 : 0 }) == Self.border(k))
        guard let map = picture.saliency else { return }
        let pixels = PixelSaliency(map, geometry: Self.large).pixels()
        #expect(changePoint((0..<Self.width).map { pixels[$0] > 0.5 ? 1 : 0 }) == Self.border(k))
    }

    /// Adjacent patches: 236 pixels hold 29 of them, with 4 pixels left over on the right and below.
    @Test(arguments: [1, 14, 28]) func videoMaskEndsHalfwayBetweenCentres(_ k: Int) {
        let (side, scale) = (236 * 3, 3)
        let geometry = DescriptorGrid.Geometry(
            imageWidth: 236, imageHeight: 236, patchSize: 8, stride: PatchStride(8),
            photoWidth: side, photoHeight: side)
        // The first mask as cells, whose centres are at 8 index + 4: it covers the columns before k.
        let line = (0..<side).map { UInt8($0 < (8 * k - 3) * scale ? 3 : 0) }
        let mask = LabelMap(
            width: side, height: side, labels: (0..<side).flatMap { _ in line })
        let masks = mask.masks(of: [0, 3], on: geometry)
        #expect(masks.shape == [29, 29, 2])
        for cell in 0..<29 * 29 {
            let isInside = cell % 29 < k
            #expect(masks.elements[2 * cell + 1] == (isInside ? 1 : 0))
        }
        // And back: halfway between cells k - 1 and k.
        let found = LabelMap(masks: masks, classes: [0, 3], geometry: geometry)
            .nearest(width: side, height: side)
        for row in [0, 300, side - 1] {
            #expect(changePoint(found.labels[row * side..<(row + 1) * side]) == 8 * k * scale)
        }
    }
}
