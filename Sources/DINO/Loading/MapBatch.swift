import Images
import Tensors
import ViT

/// Precomputed features, resampled to the views of a batch of pictures.
struct MapBatch {
    private let teacher: TeacherMaps
    private let crops: MultiCrop
    private let grids: [PatchGrid]
    /// Per view, features `[pictures, cells, channels]` and saliency `[pictures, cells]`.
    private var maps: [Tensor]
    private var saliency: [Tensor]

    init(_ teacher: TeacherMaps, _ crops: MultiCrop, _ patchSize: Int, _ pictures: Int) {
        self.teacher = teacher
        self.crops = crops
        grids = crops.sides.map { PatchGrid(rows: $0 / patchSize, columns: $0 / patchSize) }
        maps = grids.map { Tensor(uninitialized: [pictures, $0.count, teacher.channels]) }
        saliency =
            teacher.saliencyFolder == nil
            ? [] : grids.map { Tensor(uninitialized: [pictures, $0.count]) }
    }

    /// Makes the views of a picture, and resamples its maps to them.
    mutating func writeCrops(
        of picture: Int, _ image: Image, to batch: inout MultiCropBatch, at index: Int,
        using generator: inout some RandomNumberGenerator
    ) throws(TeacherMapError) {
        let views = crops.views(of: image, using: &generator)
        crops.writeCrops(views, of: image, to: &batch, at: index)
        let (width, height) = (Double(image.width), Double(image.height))
        let crops = views.enumerated().map { number, view in
            let part = view.part
            let (left, top) = (Double(part.x), Double(part.y))
            return TeacherMaps.Crop(
                part: (
                    left / width...(left + Double(part.width)) / width,
                    top / height...(top + Double(part.height)) / height
                ), isMirrored: view.mirrored, grid: grids[number])
        }
        try teacher.write(
            picture: picture, size: (image.width, image.height), crops: crops, to: &maps,
            &saliency, at: index)
    }

    var features: [TeacherFeatures] {
        maps.indices.map {
            TeacherFeatures(maps: maps[$0], saliency: saliency.isEmpty ? nil : saliency[$0])
        }
    }
}
