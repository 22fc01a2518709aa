import DINO
import Foundation
import Images
import Tensors
import Testing
import ViT

@Suite struct TeacherMapsTests {
    /// Pictures whose red is five times the column and whose green is five times the row, with maps of the same values.
    private struct Ramps {
        let folder: TemporaryFolder
        let maps: TemporaryFolder
        static let (width, height) = (40, 30)

        init(count: Int = 2) throws {
            folder = try TemporaryFolder()
            maps = try TemporaryFolder()
            let (width, height) = (Self.width, Self.height)
            var pixels: [UInt8] = []
            for y in 0..<height {
                for x in 0..<width { pixels += [UInt8(5 * x), UInt8(5 * y), 0] }
            }
            let image = Image(width: width, height: height, pixels: pixels)
            for index in 0..<count {
                try folder.write(image, to: "some/\(index).png")
                try write(Self.map(rows: height, columns: width), to: "some/\(index).png.npy")
            }
        }

        /// `[rows, columns, 2]`: five times the column and the row, in pixels of the picture.
        static func map(rows: Int, columns: Int) -> Tensor {
            Tensor(shape: [rows, columns, 2]) { elements in
                for row in 0..<rows {
                    for column in 0..<columns {
                        let index = 2 * (row * columns + column)
                        elements[index] =
                            5 * ((Float(column) + 0.5) * Float(width) / Float(columns) - 0.5)
                        elements[index + 1] =
                            5 * ((Float(row) + 0.5) * Float(height) / Float(rows) - 0.5)
                    }
                }
            }
        }

        func write(_ map: Tensor, to name: String) throws {
            try maps.write([], to: name)
            try map.writeNPY(to: maps.path + "/" + name)
        }

        var pictures: PictureFolder {
            get throws { try PictureFolder(folder.path) }
        }

        func batch(saliency: String? = nil) throws -> MultiCropBatch {
            var crops = BatchTests.bare
            (crops.globalSide, crops.localSide, crops.localCount) = (16, 8, 2)
            crops.firstGlobal.blur = 0
            crops.secondGlobal.blur = 0
            crops.local.blur = 0
            crops.localScale = 0.1...0.4
            let pictures = try pictures
            let teacher = try TeacherMaps(maps.path, saliency: saliency, of: pictures)
            #expect(teacher.channels == 2)
            return try BatchSource(
                PictureCache(pictures), crops: crops, maps: teacher, patchSize: 4, batchSize: 2,
                seed: 3
            ).epoch(0).batch(0)
        }
    }

    /// The maps may have any resolution.
    @Test(arguments: [1, 2])
    func mapsAreCroppedAndMirroredLikePictures(coarseness: Int) throws {
        let ramps = try Ramps()
        if coarseness > 1 {
            let map = Ramps.map(rows: 30 / coarseness, columns: 40 / coarseness)
            for index in 0..<2 { try ramps.write(map, to: "some/\(index).png.npy") }
        }
        let batch = try ramps.batch()
        let views = batch.globals + batch.locals
        #expect(batch.features.count == views.count)
        for (view, features) in zip(views, batch.features) {
            let cells = view.shape[2] / 4
            #expect(features.patches.shape == [2, cells * cells, 2])
            #expect(features.attention == nil)
            for picture in 0..<2 {
                for cell in 0..<cells * cells {
                    for channel in 0..<2 {
                        // The mean level of the patch.
                        var level: Float = 0
                        for pixel in 0..<16 {
                            let (y, x) = (
                                cell / cells * 4 + pixel / 4, cell % cells * 4 + pixel % 4
                            )
                            level += view[picture, channel, y, x] / 16
                        }
                        let (mean, deviation): (Float, Float) =
                            channel == 0 ? (0.485, 0.229) : (0.456, 0.224)
                        level = 255 * (level * deviation + mean)
                        let found = features.patches[picture, cell, channel]
                        // Rounding of levels; and the filter, which reaches a cell of up to ten pixels on either
                        // side, is truncated at the picture's edges.
                        #expect(abs(found - level) < 6 + Float(coarseness))
                    }
                }
                let mean = (0..<cells * cells).reduce(Float(0)) {
                    $0 + features.patches[picture, $1, 0] / Float(cells * cells)
                }
                #expect(abs(features.classToken[picture, 0] - mean) < 1e-3)
            }
        }
    }

    /// Only the left half is salient: a crop's target vector is the mean over its cells there.
    @Test func classTargetIsWeightedBySaliency() throws {
        let ramps = try Ramps()
        let saliency = try TemporaryFolder()
        for index in 0..<2 {
            let map = Tensor(shape: [15, 20]) { elements in
                for i in elements.indices { elements[i] = i % 20 < 10 ? 1 : 0 }
            }
            let name = "some/\(index).png.npy"
            try saliency.write([], to: name)
            try map.writeNPY(to: saliency.path + "/" + name)
        }
        let views = try ramps.batch(saliency: saliency.path).features
        #expect(views.count == 4)
        for features in views {
            let attention = try #require(features.attention)
            for picture in 0..<2 {
                let shares = attention.rows(picture..<picture + 1).elements
                let total = shares.reduce(0, +)
                #expect(abs(total - 1) < 1e-5)
                var mean: Float = 0
                for (cell, share) in shares.enumerated() {
                    let column = features.patches[picture, cell, 0] / 5
                    // Cells in the right half have no share, unless the crop has none in the left; a cell reaches ten
                    // pixels.
                    if column > 31 { #expect(share == 0 || shares.allSatisfy { $0 == shares[0] }) }
                    mean += share * features.patches[picture, cell, 0]
                }
                #expect(abs(features.classToken[picture, 0] - mean) < 1e-3)
            }
        }
    }

    @Test func rejectsMissingAndMismatchedMaps() throws {
        func errorText(_ change: (Ramps) throws -> Void) throws -> String {
            let ramps = try Ramps()
            try change(ramps)
            do {
                _ = try ramps.batch()
                return ""
            } catch {
                return "\(error)"
            }
        }
        let name = "some/1.png.npy"
        let missing = try errorText {
            try FileManager.default.removeItem(atPath: $0.maps.path + "/" + name)
        }
        #expect(missing.contains(name))
        let wide = try errorText { try $0.write(Ramps.map(rows: 12, columns: 40), to: name) }
        #expect(wide.contains(name) && wide.contains("12x40x2"))
        let other = try errorText {
            try $0.write(Tensor(repeating: 0, shape: [30, 40, 3]), to: name)
        }
        #expect(other.contains(name) && other.contains("COLUMNSx2"))
        let flat = try errorText { try $0.write(Tensor(repeating: 0, shape: [30, 40]), to: name) }
        #expect(flat.contains(name) && flat.contains("ROWSxCOLUMNSxCHANNELS"))
        let infinite = try errorText {
            try $0.write(Tensor(repeating: .infinity, shape: [30, 40, 2]), to: name)
        }
        #expect(infinite.contains(name) && infinite.contains("not finite"))
        let broken = try errorText { try $0.maps.write([1, 2, 3], to: name) }
        #expect(broken.contains(name))
    }
}
